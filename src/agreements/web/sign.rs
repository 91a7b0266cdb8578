//! `/signera/{lank}`: a signatory reads the agreement and signs or refuses. No account: the link shows the text and says
//! who is asked, the e-legitimation shows who answers.

use askama::Template;
use axum::{
    extract::State,
    http::HeaderMap,
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{
    fault,
    view::{Clause, Tag, clauses, signatory_tag},
};
use crate::{
    agreements::{
        actions::{self, Answer, Refused, rule_text},
        domain::{Signatory, Signing, SigningState, rule_words},
        queries, store,
    },
    app::App,
    calendar::{local, long_date, long_time},
    db::{Mode, Tx},
    http::{
        AppError, Chrome, Errors, Form, Link, error::waiting, extract::Source, form::Motive, layers::encode,
        see_other, session::with_cookie,
    },
    identity::{confirmation::EidProof, sign_in, token::Token, web::eid},
    text::hex,
};

/// Wrong persons' tries with a link from one address in a quarter of an hour.
const TRIES: i32 = 10;
/// Times the round is read again when two signatories answer at once.
const ROUNDS: usize = 5;

/// What is answered.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct AnswerForm {
    #[serde(default)]
    visat: String,
    #[serde(default)]
    beslut: String,
    #[serde(default)]
    last: String,
    #[serde(default)]
    motivering: String,
}

/// Everything about the link's holder and the round.
struct Opened {
    tx: Tx,
    signing: Signing,
    all: Vec<Signatory>,
    me: Signatory,
}

async fn open(app: &App, link: &Token, mode: Mode) -> Result<Opened, AppError> {
    let (id, round, mut tx) = app.db().enter_by_link(&link.hash(), mode).await?.ok_or(AppError::BadLink)?;
    let signing = store::find_by_id(&mut tx, round).await?.ok_or(AppError::BadLink)?;
    let all = store::signatories(&mut tx, round).await?;
    let me = all.iter().find(|who| who.id == id).cloned().ok_or(AppError::BadLink)?;
    Ok(Opened { tx, signing, all, me })
}

/// Somebody named, as the others see it.
struct Other {
    name: String,
    tag: Tag,
}

fn others(all: &[Signatory], me: &Signatory, open: bool) -> Vec<Other> {
    let other = |who: &Signatory| Other {
        name: if who.id == me.id { format!("{} (du)", who.name) } else { who.name.clone() },
        tag: signatory_tag(who.signed_at, open),
    };
    all.iter().map(other).collect()
}

#[derive(Template)]
#[template(path = "agreements/sign.html")]
struct SignPage {
    chrome: Chrome,
    action: String,
    title: String,
    number: String,
    org: String,
    org_nr: String,
    me: String,
    rule: String,
    until: String,
    others: Vec<Other>,
    clauses: Vec<Clause>,
    signs: String,
    rejects: String,
    shown: String,
    chosen: String,
    read: bool,
    /// Who has legitimated in this browser, for this link.
    identified: Option<String>,
    /// What one can legitimate with: name and where it begins.
    providers: Vec<(String, String)>,
    motive: String,
    errors: Errors,
}

#[derive(Template)]
#[template(path = "agreements/signed.html")]
struct DonePage {
    chrome: Chrome,
    title: &'static str,
    what: String,
    next: String,
    heading: String,
    tag: Tag,
    others: Vec<Other>,
    statement: String,
    clauses: Vec<Clause>,
}

/// What was shown: both declarations, which hold the text's hash. The form sends it back.
fn fingerprint(signing: &Signing, me: &Signatory) -> String {
    let shown = format!("{}\n{}", actions::signs(signing, &me.name), actions::rejects(signing, &me.name));
    hex(&Sha256::digest(shown.as_bytes()))
}

/// Where the page is, and who has legitimated there.
#[derive(Clone, Copy)]
struct At<'a> {
    app: &'a App,
    link: &'a Token,
    proof: Option<&'a EidProof>,
}

fn here(link: &Token) -> String {
    format!("/signera/{}", link.expose())
}

async fn page(at: At<'_>, opened: Opened, form: AnswerForm, errors: Errors) -> Result<Response, AppError> {
    let At { app, link, proof } = at;
    if !opened.signing.is_open_at(app.clock().now()) || opened.me.signed_at.is_some() {
        return done(app, opened).await;
    }
    let Opened { tx, signing, all, me } = opened;
    tx.end().await?;
    let prefix = errors.title_prefix();
    let status = errors.status();
    let page = SignPage {
        chrome: Chrome::public(app, &format!("{prefix}Signera {}", signing.title())).for_guest(),
        action: here(link),
        title: signing.title(),
        rule: rule_words(signing.needed, all.len()),
        until: long_date(local(signing.expires_at).date),
        others: others(&all, &me, true),
        signs: actions::signs(&signing, &me.name),
        rejects: actions::rejects(&signing, &me.name),
        shown: fingerprint(&signing, &me),
        clauses: clauses(&signing.body),
        number: signing.number,
        org: signing.org_name,
        org_nr: signing.org_nr,
        me: me.name,
        chosen: form.beslut,
        read: !form.last.is_empty(),
        identified: proof.map(|proof| format!("{}, {}", proof.name, proof.provider)),
        providers: ways(app, link),
        motive: form.motivering,
        errors,
    };
    Ok((status, Html(page.render()?)).into_response())
}

/// Nothing more to do here: signed, or over. Whoever was named may read the text until the link goes out.
async fn done(app: &App, opened: Opened) -> Result<Response, AppError> {
    let Opened { mut tx, signing, all, me } = opened;
    let statement = queries::statement(&mut tx, me.id).await?;
    tx.end().await?;
    let in_time = app.clock().now() < signing.expires_at;
    let signed = all.iter().filter(|who| who.signed_at.is_some()).count();
    let left = usize::try_from(signing.needed).unwrap_or(0).saturating_sub(signed);
    let own = me.signed_at.map(|at| format!("Du signerade {}.", long_time(at))).unwrap_or_default();
    let (title, what, next) = match (signing.state, me.signed_at) {
        (SigningState::Signed, _) => (
            "Avtalet är signerat och gäller",
            own,
            if in_time {
                "Avtalet och din signatur står här nedan. Skriv ut eller spara sidan om du vill ha en egen kopia."
                    .to_owned()
            } else {
                "Länken har gått ut. De som arbetar med avtalet läser det i Kundportalen.".to_owned()
            },
        ),
        (SigningState::Rejected, _) => (
            "Avtalet är avslaget",
            own,
            "En firmatecknare har avslagit avtalet, så ingen signerar det. Inera har fått besked och tar kontakt."
                .to_owned(),
        ),
        (SigningState::Recalled, _) => (
            "Avtalet är återkallat",
            own,
            "Inera har återkallat avtalet. Du behöver inte göra något.".to_owned(),
        ),
        (SigningState::Awaiting | SigningState::PartlySigned, Some(_)) if in_time => (
            "Tack, din signatur är sparad",
            own,
            match left {
                1 => "Avtalet börjar gälla när en firmatecknare till har signerat. Du får mejl då.".to_owned(),
                left => format!(
                    "Avtalet börjar gälla när {left} firmatecknare till har signerat. Du får mejl då."
                ),
            },
        ),
        _ => (
            "Länken har gått ut",
            format!("Avtalet skulle ha signerats senast {}.", long_date(local(signing.expires_at).date)),
            "Ring Kundservice på 0771-25\u{a0}10\u{a0}10, så skickar vi avtalet på nytt.".to_owned(),
        ),
    };
    let readable = in_time && matches!(signing.state, SigningState::Signed | SigningState::PartlySigned);
    let page = DonePage {
        chrome: Chrome::public(app, title).for_guest(),
        title,
        what,
        next,
        heading: format!("{}, {}", signing.title(), signing.number),
        tag: signing.state.tag().into(),
        others: others(&all, &me, signing.state.is_open() && in_time),
        statement: statement.filter(|_| in_time).unwrap_or_default(),
        clauses: if readable { clauses(&signing.body) } else { Vec::new() },
    };
    Ok(Html(page.render()?).into_response())
}

/// Everything one can legitimate with, and where that begins.
fn ways(app: &App, link: &Token) -> Vec<(String, String)> {
    let till = encode(&here(link));
    eid::offered(app)
        .into_iter()
        .map(|(code, name)| (name, format!("/legitimera/{code}?syfte=bekrafta&till={till}")))
        .collect()
}

/// The e-legitimation brought to the page; a passkey signs nothing.
fn proof(app: &App, headers: &HeaderMap, link: &Token) -> Option<EidProof> {
    eid::proof(app, headers, &here(link)).filter(|proof| !proof.is_own_step())
}

/// `GET /signera/{lank}`
pub async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    Link(link): Link,
) -> Result<Response, AppError> {
    let mut opened = open(&app, &link, Mode::Read).await?;
    let proof = proof(&app, &headers, &link);
    let at = At { app: &app, link: &link, proof: proof.as_ref() };
    // Told at once; whoever answers all the same is refused, and that is written down.
    if let Some(proof) = &proof
        && !actions::is_signatory(&mut opened.tx, proof).await?
    {
        let signatory = opened.me.id;
        tracing::warn!(target: "security", %signatory, "another person's e-legitimation at a signatory's link");
        let message = not_theirs(&proof.name, &opened.me.name);
        return page(
            At { proof: None, ..at },
            opened,
            AnswerForm::default(),
            Errors::one("legitimera", message),
        )
        .await;
    }
    page(at, opened, AnswerForm::default(), Errors::none()).await
}

fn parse(form: &AnswerForm, errors: &mut Errors) -> Option<Answer> {
    match form.beslut.as_str() {
        "signera" if form.last.is_empty() => {
            errors.add("last", "Kryssa i att du har läst avtalet och har rätt att teckna firman");
            None
        }
        "signera" => Some(Answer::Sign),
        "avsla" => errors.take("motivering", Motive::parse(&form.motivering)).map(Answer::Reject),
        _ => {
            errors.add("beslut-signera", "Välj om du vill signera eller avslå avtalet");
            None
        }
    }
}

/// `POST /signera/{lank}`
pub async fn create(
    State(app): State<App>,
    Source(from): Source,
    headers: HeaderMap,
    Link(link): Link,
    Form(form): Form<AnswerForm>,
) -> Result<Response, AppError> {
    let proof = proof(&app, &headers, &link);
    let at = At { app: &app, link: &link, proof: proof.as_ref() };
    let opened = open(&app, &link, Mode::Read).await?;
    if !opened.signing.is_open_at(app.clock().now()) || opened.me.signed_at.is_some() {
        return page(at, opened, form, Errors::none()).await;
    }
    if form.visat != fingerprint(&opened.signing, &opened.me) {
        opened.tx.end().await?;
        return Err(fault(Refused::WrongState));
    }
    let mut errors = Errors::none();
    let answer = parse(&form, &mut errors);
    if proof.is_none() {
        errors.add("legitimera", "Legitimeringen gäller i tio minuter. Legitimera dig igen och svara sedan");
    }
    let (Some(answer), Some(proof), true) = (answer, &proof, errors.is_empty()) else {
        return page(at, opened, form, errors).await;
    };
    // The limit has a transaction of its own: this one is ended first, or many at once would wait for each other.
    let limit = format!("sign-agreement:{}:{from}", opened.me.id);
    opened.tx.end().await?;
    let wait = sign_in::limit(app.db(), &limit, TRIES, 900).await?;
    if wait > 0 {
        let message = format!("För många försök. Vänta {} och försök igen", waiting(wait));
        let opened = open(&app, &link, Mode::Read).await?;
        return page(at, opened, form, Errors::one("legitimera", message)).await;
    }
    let (response, was_somebody_else) = carry_out(at, (answer, proof), form).await?;
    if !was_somebody_else {
        sign_in::limit_undo(app.db(), &limit).await?;
    }
    Ok(response)
}

/// Two may answer at the same moment: the one who comes second reads the round again and answers what is then left.
/// Answers the page, and whether it was somebody else's e-legitimation.
async fn carry_out(
    at: At<'_>,
    (answer, proof): (Answer, &EidProof),
    form: AnswerForm,
) -> Result<(Response, bool), AppError> {
    let At { app, link, .. } = at;
    for _ in 0..ROUNDS {
        let opened = open(app, link, Mode::Write).await?;
        let now = app.clock().now();
        if !opened.signing.is_open_at(now) || opened.me.signed_at.is_some() {
            return Ok((page(at, opened, form, Errors::none()).await?, false));
        }
        let Opened { mut tx, signing, all, me } = opened;
        if form.visat != fingerprint(&signing, &me) {
            tx.end().await?;
            return Err(fault(Refused::WrongState));
        }
        let what = (answer.clone(), proof);
        match actions::answer(&mut tx, app.keys(), &signing, (&me, &all), what, now).await {
            Ok(audit) => {
                tx.commit(audit).await?;
                return Ok((with_cookie(see_other(&here(link)), app.cookie().clear_visit()), false));
            }
            Err(Refused::WrongState) => tx.end().await?,
            Err(Refused::WrongPerson) => {
                tx.end().await?;
                return Ok((wrong_person(at, form).await?, true));
            }
            Err(Refused::Rule(key)) => {
                tx.end().await?;
                let again = open(app, link, Mode::Read).await?;
                let errors = Errors::one("legitimera", rule_text(&key));
                let at = At { proof: at.proof.filter(|_| key != "identify_anew"), ..at };
                return Ok((page(at, again, form, errors).await?, false));
            }
            Err(why) => {
                tx.end().await?;
                return Err(fault(why));
            }
        }
    }
    Err(AppError::Conflict("Flera firmatecknare svarade samtidigt.".to_owned()))
}

fn not_theirs(of: &str, wanted: &str) -> String {
    format!(
        "E-legitimationen ({of}) tillhör inte {wanted}, som länken är till. Inget är sparat. Legitimera dig igen, eller kontakta Kundservice om någon annan ska signera"
    )
}

/// Refused and written down (scenario 14).
async fn wrong_person(at: At<'_>, form: AnswerForm) -> Result<Response, AppError> {
    let At { app, link, .. } = at;
    let opened = open(app, link, Mode::Write).await?;
    let (signing, signatory) = (opened.signing.id, opened.me.id);
    tracing::warn!(target: "security", %signing, %signatory, "another person's e-legitimation");
    let audit = actions::wrong_person(&opened.signing, &opened.me);
    opened.tx.commit(audit).await?;
    let again = open(app, link, Mode::Read).await?;
    let message = not_theirs(at.proof.map_or("", |proof| &proof.name), &again.me.name);
    let response = page(At { proof: None, ..at }, again, form, Errors::one("legitimera", message)).await?;
    Ok(with_cookie(response, app.cookie().clear_visit()))
}
