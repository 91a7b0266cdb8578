//! Inera's own people: a systemadministratör invites, gives and takes roles, removes and restores, and approves nothing
//! (portal.md 1.3).

use kundportal::{db::DbError, identity::Side};

use crate::harness::{PASSWORD, Portal, agreements::ASTRID, contacts::*, enter, orders::*};

const NEW: &str = "nina@kundservice.example";
const LIST: &str = "/inera/kontakter";

/// The seven roles in the order of the page.
fn roles<'a>(given: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields: Vec<(&str, &str)> = given.iter().map(|(role, _)| ("roll", *role)).collect();
    let offered = [
        "support",
        "agreements_officer",
        "agent_officer",
        "service_manager",
        "finance",
        "sysadmin",
        "auditor",
    ];
    for role in offered {
        fields.push(("till", given.iter().find(|(given, _)| *given == role).map_or("", |(_, until)| *until)));
    }
    fields
}

async fn at_inera(portal: &Portal, email: &str) -> String {
    portal.value(&format!("SELECT id FROM membership WHERE email = '{email}'")).await
}

async fn roles_of(portal: &Portal, email: &str) -> String {
    portal
        .value(&format!(
            "SELECT coalesce(string_agg(g.role::text, ',' ORDER BY g.role), '') FROM membership m
               LEFT JOIN role_grant g ON g.membership_id = m.id WHERE m.email = '{email}'"
        ))
        .await
}

#[tokio::test]
async fn a_systemadministrator_gives_and_takes_roles_and_the_next_click_knows() {
    let portal = Portal::start().await;
    let (sten, siv) = (portal.as_person(STEN).await, portal.as_person(SIV).await);
    let page = format!("{LIST}/{}", at_inera(&portal, SIV).await);
    sten.page(LIST).await.says("Ineras kontakter").says("Petra Sjögren").says("Bara en systemadministratör");
    sten.page(&page).await.says("Läser och rättar fakturauppgifter").says("Ändra roller");
    act(&sten, &format!("{page}/roller"), &roles(&[("support", "2027-01-31")])).await.is(303);
    assert_eq!(roles_of(&portal, SIV).await, "support");
    siv.get("/inera/kunder/10482/faktura").await.is(403);
    siv.page("/inera").await.says("du är kundservice");
    portal.work().await;
    assert!(portal.mails().iter().any(|mail| mail.code == "N-30" && mail.to.contains(SIV)));
    assert!(
        !portal.mails().iter().any(|mail| mail.code == "N-28"),
        "that is about customers' administrators"
    );
    assert_eq!(
        portal.value("SELECT side || ' ' || action FROM audit_entry WHERE action = 'member.roles'").await,
        "inera member.roles"
    );
    // The role of a party is no role of Inera's, whatever a forged form says.
    let forged = roles(&[("administrator", "")]);
    act(&sten, &format!("{page}/roller"), &forged).await.is(303);
    assert_eq!(roles_of(&portal, SIV).await, "", "only what is offered");
}

#[tokio::test]
async fn nobody_at_inera_changes_their_own_roles_or_both_runs_and_approves() {
    let portal = Portal::start().await;
    let sten = portal.as_person(STEN).await;
    let own = format!("{LIST}/{}", at_inera(&portal, STEN).await);
    sten.page(&own).await.does_not_say("Ändra roller").does_not_say("Ta bort kontakten");
    sten.get(&format!("{own}/roller")).await.is(403).says("En annan systemadministratör");
    sten.post(&format!("{own}/roller"), &roles(&[("support", "")])).await.is(403);
    sten.get(&format!("{own}/ta-bort")).await.is(403);
    // Nor somebody else both.
    let siv = format!("{LIST}/{}", at_inera(&portal, SIV).await);
    act(&sten, &format!("{siv}/roller"), &roles(&[("finance", ""), ("sysadmin", "")]))
        .await
        .is(422)
        .says("godkänner ingenting");
    let invite = [("namn", "Nina Berg"), ("epost", NEW), ("roll", "support"), ("roll", "sysadmin")];
    let answer = act(&sten, &format!("{LIST}/bjud-in"), &invite).await;
    answer.is(422).says("godkänner ingenting");
    assert!(answer.body.contains(&format!("value=\"{NEW}\"")), "what was typed is kept");
    assert_eq!(roles_of(&portal, SIV).await, "finance");
    // With another systemadministratör the first one's roles can change, but not the last one's.
    act(&sten, &format!("{siv}/roller"), &roles(&[("sysadmin", ""), ("auditor", "")])).await.is(303);
    let siv = portal.as_person(SIV).await;
    siv.page(LIST).await.does_not_say("Bara en systemadministratör");
    act(&siv, &format!("{own}/roller"), &roles(&[("support", "")])).await.is(303);
    assert_eq!(roles_of(&portal, STEN).await, "support");
    sten.get(&format!("{LIST}/bjud-in")).await.is(403);
}

#[tokio::test]
async fn the_database_says_so_too() {
    let portal = Portal::start().await;
    let (sten, siv) = (at_inera(&portal, STEN).await, at_inera(&portal, SIV).await);
    let event = |member: &str, by: &str, kind: &str, roles: &str| {
        format!(
            "INSERT INTO member_event (membership_id, seq, org_id, kind, side, actor_id, at, roles, until, confirmation_id)
             SELECT m.id, m.revision + 1, m.org_id, '{kind}', 'inera', p.person_id, now(), '{{{roles}}}'::role[],
                    array_fill(NULL::date, ARRAY[cardinality('{{{roles}}}'::role[])]), '0198c0de-0000-7000-8000-0000000000c1'
               FROM membership m, membership p WHERE m.id = '{member}' AND p.email = '{by}'"
        )
    };
    let tries = [
        // Oneself; by Kundservice; by the auditor; a removal by Kundservice at a customer's.
        (STEN, event(&sten, STEN, "roles", "sysadmin,auditor"), "own_roles"),
        (PETRA, event(&siv, PETRA, "roles", "support"), "not_this_person"),
        (IVAR, event(&siv, IVAR, "removed", ""), "not_this_person"),
        (STEN, event(&siv, STEN, "roles", "administrator"), "confirmation"),
    ];
    for (email, sql, why) in tries {
        let mut tx = enter(&portal, email, Side::Inera, 0).await;
        let answer = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(tx.conn()).await.map_err(DbError::from);
        assert!(matches!(&answer, Err(DbError::Rule(key)) if key == why), "{email} {why}: {answer:?}");
    }
    // At a customer's: Kundservice removes nobody, a systemadministratör does nothing.
    let karin = portal.value("SELECT id FROM membership WHERE email = 'karin@lindangen.example'").await;
    let mut tx = enter(&portal, PETRA, Side::Inera, 0).await;
    let sql = event(&karin, PETRA, "removed", "");
    let answer = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(tx.conn()).await.map_err(DbError::from);
    assert!(matches!(&answer, Err(DbError::Rule(key)) if key == "not_this_person"), "{answer:?}");
    let mut tx = enter(&portal, STEN, Side::Inera, 0).await;
    let sql = event(&karin, STEN, "roles", "");
    let answer = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(tx.conn()).await.map_err(DbError::from);
    assert!(matches!(&answer, Err(DbError::Rule(key)) if key == "not_this_person"), "{answer:?}");
    // By hand, as the owner: still never both.
    let both = "INSERT INTO role_grant (org_id, membership_id, role) SELECT org_id, id, 'support' FROM membership WHERE email = 'sten@kundservice.example'";
    let mut owner = portal.owner().await;
    let answer = sqlx::query(both).execute(&mut owner).await;
    assert!(answer.is_err_and(|error| error.to_string().contains("sysadmin_alone")));
    // A customer's invitation is no invitation to Inera, nor in Inera's name.
    let mut tx = enter(&portal, SAMIRA, Side::Customer, 10482).await;
    let answer = sqlx::query(
        "INSERT INTO invitation (id, org_id, name, email, roles, link_sha256, sent_at, expires_at, invited_by, side, confirmation_id)
         SELECT gen_random_uuid(), ctx_org(), 'Ny', 'ny@lindangen.example', '{}', sha256('x'), now(), now() + interval '1 day',
                ctx_person(), 'inera', '0198c0de-0000-7000-8000-0000000000c1'",
    )
    .execute(tx.conn())
    .await
    .map_err(DbError::from);
    assert!(matches!(&answer, Err(DbError::Rule(key)) if key == "not_this_person"), "{answer:?}");
    // An invitation from Kundservice.
    let mut tx = enter(&portal, PETRA, Side::Inera, 0).await;
    let answer = sqlx::query(
        "INSERT INTO invitation (id, org_id, name, email, roles, link_sha256, sent_at, expires_at, invited_by, side, confirmation_id)
         SELECT gen_random_uuid(), ctx_org(), 'Nina', 'nina@kundservice.example', '{support}', sha256('x'), now(), now() + interval '1 day',
                ctx_person(), 'inera', '0198c0de-0000-7000-8000-0000000000c1'",
    )
    .execute(tx.conn())
    .await
    .map_err(DbError::from);
    assert!(matches!(&answer, Err(DbError::Rule(key)) if key == "not_this_person"), "{answer:?}");
}

#[tokio::test]
async fn somebody_new_is_invited_to_inera_and_adds_a_second_step_before_anything_else() {
    let portal = Portal::start().await;
    let sten = portal.as_person(STEN).await;
    let invite = [("namn", "Nina Berg"), ("epost", NEW), ("titel", "Kundservice"), ("roll", "support")];
    act(&sten, &format!("{LIST}/bjud-in"), &invite).await.is(303);
    sten.page(LIST).await.says("Inbjudna som inte har svarat").says("Nina Berg");
    let link = link_in_mail(&portal).await;
    let fields = [("sasom", "ny"), ("nytt", PASSWORD), ("igen", PASSWORD)];
    portal.anonymous().post(&link, &fields).await.is(303);
    assert_eq!(roles_of(&portal, NEW).await, "support");
    // The one who invited is told, at the page that holds the new one.
    portal.work().await;
    let told = portal.mails();
    let told = told.iter().find(|mail| mail.code == "N-05").expect("N-05");
    assert!(told.text.contains("/inera/kontakter/"), "{}", told.text);
    let told: Vec<String> =
        portal.mails().iter().filter(|mail| mail.code == "N-05").map(|mail| mail.to.clone()).collect();
    assert!(told.iter().any(|to| to.contains(STEN)) && told.iter().any(|to| to.contains(IVAR)), "{told:?}");
    portal.anonymous().post(&link, &fields).await.is(410);
    // Removed and restored, without roles, by the systemadministratör alone.
    let nina = format!("{LIST}/{}", at_inera(&portal, NEW).await);
    act(&sten, &format!("{nina}/ta-bort"), &[]).await.is(303);
    let petra = portal.as_person(PETRA).await;
    petra.get(&format!("{nina}/aterstall")).await.is(403);
    sten.page(&nina).await.says("Kontakten är borttagen").says("Återställ Nina Berg");
    act(&sten, &format!("{nina}/aterstall"), &[]).await.is(303);
    assert_eq!(roles_of(&portal, NEW).await, "");
    // Taking the way of a customer's number to one of Inera's leads nowhere.
    let id = at_inera(&portal, NEW).await;
    petra.get(&format!("/inera/kunder/10482/kontakter/{id}/administrator")).await.is(404);
    sten.get(&format!("/inera/kunder/10482/kontakter/{id}/aterstall")).await.is(403);
    let karin = member(&portal, KARIN, "10482").await;
    sten.get(&format!("{LIST}/{karin}")).await.is(404);
    sten.get(&format!("{LIST}/{karin}/aterstall")).await.is(404);
}

#[tokio::test]
async fn nobody_at_inera_gets_more_by_an_invitation_to_another_address() {
    let portal = Portal::start().await;
    let sten = portal.as_person(STEN).await;
    let mut link = String::new();
    for role in ["auditor", "support"] {
        let email = format!("{role}@kundservice.example");
        let invite = [("namn", "Sten Två"), ("epost", email.as_str()), ("roll", role)];
        act(&sten, &format!("{LIST}/bjud-in"), &invite).await.is(303);
        link = link_in_mail(&portal).await;
        for email in [STEN, SIV] {
            let client = portal.as_person(email).await;
            let csrf = client.get(&link).await.hidden("csrf");
            let answer = client.post(&link, &[("sasom", "inloggad"), ("csrf", &csrf)]).await;
            answer.is(410).says("Du är redan kontakt hos Inera");
        }
    }
    assert_eq!(roles_of(&portal, STEN).await, "sysadmin");
    assert_eq!(roles_of(&portal, SIV).await, "finance");
    // Whoever loses the role takes the open invitations along.
    portal.sql(&format!("UPDATE role_grant g SET role = 'auditor' FROM membership m WHERE m.id = g.membership_id AND m.email = '{STEN}'")).await;
    portal.anonymous().get(&link).await.is(410).says("gäller inte längre");
}

#[tokio::test]
async fn lost_steps_of_a_colleague_are_cleared_by_a_systemadministrator_and_nobody_else() {
    let portal = Portal::start().await;
    portal.sql("INSERT INTO second_factor (id, person_id, kind, name, sealed, created_at)
        SELECT gen_random_uuid(), id, 'totp', 'Telefon', '\\x01', now() FROM person WHERE email = 'astrid@kundservice.example'").await;
    let (sten, petra) = (portal.as_person(STEN).await, portal.as_person(PETRA).await);
    let astrid = format!("{LIST}/{}", at_inera(&portal, ASTRID).await);
    petra.get(&format!("{astrid}/tvasteg")).await.is(403);
    sten.page(&astrid).await.says("Ta bort tvåstegsverifieringen");
    act(&sten, &format!("{astrid}/tvasteg"), &[]).await.is(303);
    assert_eq!(portal.value("SELECT count(*) FROM second_factor WHERE ended_at IS NULL").await, "0");
}
