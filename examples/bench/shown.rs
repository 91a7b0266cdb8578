//! Attestants who confirm with a code app: they show it before the measurement, each for one decision, as people do.

use std::{
    net::SocketAddr,
    time::{SystemTime, UNIX_EPOCH},
};

use kundportal::keys::Keys;
use sqlx::PgConnection;
use totp_rs::{Builder, Secret};

use crate::{
    Outcome,
    fill::{CUSTOMER_NO, Target, sign_in, to_attest},
    load::{Client, hidden},
    process::SECRET,
};

/// What all the apps here have.
const APP: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

/// One attestant of a customer, besides those who sign in with a password.
const PERSON: &[&str] = &[
    "INSERT INTO person (id, name, email) VALUES (md5('bench app person ' || $1)::uuid, 'Mats Bänk ' || $1, 'app' || $1 || '@bench.example')
     ON CONFLICT DO NOTHING",
    "INSERT INTO membership (id, org_id, person_id, name, email)
     SELECT md5('bench app member ' || $1)::uuid, g.id, md5('bench app person ' || $1)::uuid, 'Mats Bänk ' || $1, 'app' || $1 || '@bench.example'
       FROM organisation g WHERE g.customer_no = $2 ON CONFLICT DO NOTHING",
    "INSERT INTO role_grant (org_id, membership_id, role)
     SELECT g.id, md5('bench app member ' || $1)::uuid, 'attestant' FROM organisation g WHERE g.customer_no = $2 ON CONFLICT DO NOTHING",
];

/// So many fresh orders, each with an attestant of its own who has an app and is signed in.
pub async fn prepare(
    connection: &mut PgConnection,
    organisations: i64,
    count: usize,
) -> Outcome<Vec<Target>> {
    let keys = Keys::from_secret(&SECRET.parse()?)?;
    let customers = (10..=organisations).step_by(10).cycle();
    let mut targets = Vec::new();
    for (person, customer) in (1_i64..).zip(customers).take(count) {
        let no = CUSTOMER_NO + customer;
        for statement in PERSON {
            sqlx::query(*statement).bind(person.to_string()).bind(no).execute(&mut *connection).await?;
        }
        let email = format!("app{person}@bench.example");
        let id: uuid::Uuid = sqlx::query_scalar("SELECT id FROM person WHERE email = $1")
            .bind(&email)
            .fetch_one(&mut *connection)
            .await?;
        // As the portal keeps it (identity/second.rs).
        let sealed = keys.seal(&format!("second factor:{id}"), APP)?;
        sqlx::query(
            "INSERT INTO second_factor (id, person_id, kind, name, sealed, created_at)
             SELECT gen_random_uuid(), $1, 'totp', 'App', $2, now()
              WHERE NOT EXISTS (SELECT FROM second_factor WHERE person_id = $1)",
        )
        .bind(id)
        .bind(&sealed)
        .execute(&mut *connection)
        .await?;
        let cookie = sign_in(connection, &email, "totp").await?;
        targets.extend(to_attest(connection, no, &cookie, 1).await?);
    }
    Ok(targets)
}

/// Fills in each form and shows the app for it; the pages to decide on, with the cookie that says what was shown.
pub async fn confirm(address: SocketAddr, targets: &[Target]) -> Outcome<Vec<Target>> {
    let mut client = Client::connect(address).await?;
    let app = Builder::new().with_secret(Secret::try_from_base32(APP)?).with_account_name("bench").build()?;
    let mut shown = Vec::new();
    for target in targets {
        client.page(target).await?;
        let (seen, revision) = (hidden(&client.body(), "visat"), hidden(&client.body(), "revision"));
        let form = format!("revision={revision}&beslut=attestera&visat={seen}&legitimera=eget");
        expect(&mut client, (&target.path, &target.cookie), &form).await?;
        let till =
            client.header("location").and_then(|to| to.split_once("till=")).map(|(_, till)| till.to_owned());
        let till = till.ok_or("nowhere to show the app")?;
        let code = app.generate(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs()).to_string();
        expect(&mut client, ("/bekrafta", &target.cookie), &format!("till={till}&satt=app&kod={code}"))
            .await?;
        let back =
            client.header("location").and_then(|to| to.split('#').next()).ok_or("no way back")?.to_owned();
        let proof =
            client.header("set-cookie").and_then(|line| line.split(';').next()).ok_or("nothing was shown")?;
        shown.push(Target { path: back, cookie: format!("{}; {proof}", target.cookie) });
    }
    Ok(shown)
}

async fn expect(client: &mut Client, (path, cookie): (&str, &str), form: &str) -> Outcome {
    match client.post(path, cookie, "127.0.0.1", form).await? {
        303 => Ok(()),
        status => Err(format!("POST {path}: {status} {}", client.body()).into()),
    }
}
