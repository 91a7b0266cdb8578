//! `/signera/{lank}`: a signatory reads the agreement and signs or declines. No account; the link shows the text and
//! says who is asked, the e-legitimation shows who answers.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;

use super::{staff::fault, view::Tag};
use crate::{
    agreements::{
        actions::{self, Answer, Refused, rule_text},
        domain::{Signatory, Signing, SigningState},
        store,
    },
    app::App,
    calendar::{local, long_date, long_time},
    db::{Mode, Tx},
    http::{AppError, Chrome, Errors, Form, Path, error::waiting, form::Motive, see_other},
    identity::{eid, sign_in, token::Token},
};

/// Tries with a link in a quarter of an hour.
const TRIES: i32 = 10;
/// Times the round is read again when two signatories sign at once.
const ROUNDS: usize = 5;

/// The link.
#[derive(Debug, Deserialize)]
pub struct LinkPath {
    lank: String,
}

/// What is answered. The personal number stands for the e-legitimation in the demo.
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
    #[serde(default)]
    personnummer: String,
}

/// Everything about the link's holder and the round.
struct Opened {
    tx: Tx,
    token: Token,
    signing: Signing,
    all: Vec<Signatory>,
    me: Signatory,
}

async fn open(app: &App, link: &str, mode: Mode) -> Result<Opened, AppError> {
    let token = Token::from_cookie(link).ok_or(AppError::NotFound)?;
    let (id, mut tx) = app.db().enter_by_link(&token.hash(), mode).await?.ok_or(AppError::NotFound)?;
    let signing = store::find_by_link(&mut tx).await?.ok_or(AppError::NotFound)?;
    let all = store::signatories(&mut tx, signing.id).await?;
    let me = all.iter().find(|who| who.id == id).cloned().ok_or(AppError::NotFound)?;
    Ok(Opened { tx, token, signing, all, me })
}

/// Somebody named, as the others see it.
struct Other {
    name: String,
    tag: Tag,
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
    body: String,
    statement: String,
    shown: String,
    signs: bool,
    declines: bool,
    read: bool,
    /// Can anybody be identified here?
    can_identify: bool,
    test_people: [(&'static str, &'static str); 2],
    typed: String,
    motive: String,
    errors: Errors,
}

#[derive(Template)]
#[template(path = "agreements/signed.html")]
struct DonePage {
    chrome: Chrome,
    title: String,
    what: String,
    next: String,
    heading: String,
    tag: Tag,
    body: String,
}

/// What was shown, as the form sends it back: the declaration holds the text's hash.
fn fingerprint(signing: &Signing, me: &Signatory) -> String {
    use sha2::{Digest, Sha256};
    crate::text::hex(&Sha256::digest(actions::statement(signing, &me.name).as_bytes()))
}

async fn page(app: &App, opened: Opened, form: AnswerForm, errors: Errors) -> Result<Response, AppError> {
    let Opened { tx, token, signing, all, me } = opened;
    tx.end().await?;
    let now = app.clock().now();
    if !signing.is_open_at(now) || me.signed_at.is_some() {
        return done(app, &signing, (&me, &all));
    }
    let prefix = if errors.is_empty() { "" } else { "Fel: " };
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = SignPage {
        chrome: Chrome::public(app, &format!("{prefix}Signera {}", signing.title())),
        action: format!("/signera/{}", token.expose()),
        title: signing.title(),
        rule: crate::agreements::domain::rule_words(signing.needed, all.len()),
        until: long_date(local(signing.expires_at).date),
        others: all
            .iter()
            .map(|who| Other {
                name: if who.id == me.id { format!("{} (du)", who.name) } else { who.name.clone() },
                tag: if who.signed_at.is_some() { ("ok", "Har signerat") } else { ("warn", "Väntar") }.into(),
            })
            .collect(),
        statement: actions::statement(&signing, &me.name),
        shown: fingerprint(&signing, &me),
        number: signing.number,
        org: signing.org_name,
        org_nr: signing.org_nr,
        me: me.name,
        body: signing.body,
        signs: form.beslut == "signera",
        declines: form.beslut == "avboj",
        read: !form.last.is_empty(),
        can_identify: eid::is_on(app),
        test_people: crate::demo::people::SIGNATORIES,
        typed: form.personnummer,
        motive: form.motivering,
        errors,
    };
    Ok((status, Html(page.render()?)).into_response())
}

/// Nothing more to do here: signed, or over.
fn done(app: &App, signing: &Signing, (me, all): (&Signatory, &[Signatory])) -> Result<Response, AppError> {
    let left = usize::try_from(signing.needed)
        .unwrap_or(0)
        .saturating_sub(all.iter().filter(|who| who.signed_at.is_some()).count());
    let (title, what, next) = match (signing.state, me.signed_at) {
        (SigningState::Signed, _) => (
            "Avtalet är signerat och gäller",
            me.signed_at.map(|at| format!("Du signerade {}.", long_time(at))).unwrap_or_default(),
            "Alla som behövs har signerat. En kopia finns i Kundportalen, och texten kan läsas här nedan."
                .to_owned(),
        ),
        (SigningState::Declined, _) => (
            "Avtalet är avböjt",
            "En firmatecknare har avböjt att signera.".to_owned(),
            "Inera har fått besked och tar kontakt.".to_owned(),
        ),
        (SigningState::Recalled, _) => (
            "Avtalet är återkallat",
            "Inera har återkallat avtalet.".to_owned(),
            "Du behöver inte göra något.".to_owned(),
        ),
        (SigningState::Awaiting | SigningState::PartlySigned, Some(at))
            if app.clock().now() < signing.expires_at =>
        {
            (
                "Tack, din signatur är sparad",
                format!("Du signerade {}.", long_time(at)),
                if left == 1 {
                    "Avtalet börjar gälla när en firmatecknare till har signerat. Du får mejl då.".to_owned()
                } else {
                    format!(
                        "Avtalet börjar gälla när {left} firmatecknare till har signerat. Du får mejl då."
                    )
                },
            )
        }
        _ => (
            "Länken har gått ut",
            format!("Avtalet skulle ha signerats senast {}.", long_date(local(signing.expires_at).date)),
            "Ring Kundservice på 0771-25 10 10, så skickar vi avtalet på nytt.".to_owned(),
        ),
    };
    let readable =
        me.signed_at.is_some() && matches!(signing.state, SigningState::Signed | SigningState::PartlySigned);
    let page = DonePage {
        chrome: Chrome::public(app, title),
        title: title.to_owned(),
        what,
        next,
        heading: format!("{}, {}", signing.title(), signing.number),
        tag: signing.state.tag().into(),
        body: if readable { signing.body.clone() } else { String::new() },
    };
    Ok(Html(page.render()?).into_response())
}

/// `GET /signera/{lank}`
pub async fn show(State(app): State<App>, Path(path): Path<LinkPath>) -> Result<Response, AppError> {
    let opened = open(&app, &path.lank, Mode::Read).await?;
    page(&app, opened, AnswerForm::default(), Errors::none()).await
}

fn parse(form: &AnswerForm, errors: &mut Errors) -> Option<Answer> {
    match form.beslut.as_str() {
        "signera" if form.last.is_empty() => {
            errors.add("last", "Kryssa i att du har läst avtalet");
            None
        }
        "signera" => Some(Answer::Sign),
        "avboj" => errors.take("motivering", Motive::parse(&form.motivering)).map(Answer::Decline),
        _ => {
            errors.add("beslut-signera", "Välj om du vill signera eller avböja");
            None
        }
    }
}

/// `POST /signera/{lank}`
pub async fn create(
    State(app): State<App>,
    Path(path): Path<LinkPath>,
    Form(form): Form<AnswerForm>,
) -> Result<Response, AppError> {
    let opened = open(&app, &path.lank, Mode::Write).await?;
    if !opened.signing.is_open_at(app.clock().now()) || opened.me.signed_at.is_some() {
        return page(&app, opened, form, Errors::none()).await;
    }
    if form.visat != fingerprint(&opened.signing, &opened.me) {
        opened.tx.end().await?;
        return Err(fault(Refused::WrongState));
    }
    let mut errors = Errors::none();
    let answer = parse(&form, &mut errors);
    if let Err(problem) = eid::by_test(&app, &form.personnummer) {
        errors.add("personnummer", problem.0);
    }
    let (Some(answer), true) = (answer, errors.is_empty()) else {
        return page(&app, opened, form, errors).await;
    };
    let wait = sign_in::limit(app.db(), &format!("sign-agreement:{}", opened.me.id), TRIES, 900).await?;
    if wait > 0 {
        let message = format!("För många försök. Vänta {} och försök igen", waiting(wait));
        return page(&app, opened, form, Errors::one("personnummer", message)).await;
    }
    carry_out(&app, &path.lank, opened, (answer, form)).await
}

/// Two may answer at the same moment: the one who comes second reads the round again and answers what is then left.
async fn carry_out(
    app: &App,
    link: &str,
    mut opened: Opened,
    (answer, form): (Answer, AnswerForm),
) -> Result<Response, AppError> {
    for _ in 0..ROUNDS {
        let Opened { mut tx, signing, all, me, .. } = opened;
        let identified =
            eid::by_test(app, &form.personnummer).map_err(|problem| AppError::BadRequest(problem.0))?;
        let now = app.clock().now();
        let what = (answer.clone(), identified);
        match actions::answer(&mut tx, app.keys(), &signing, (&me, &all), what, now).await {
            Ok(audit) => {
                tx.commit(audit).await?;
                return Ok(see_other(&format!("/signera/{link}")));
            }
            Err(Refused::WrongPerson) => {
                tx.end().await?;
                return wrong_person(app, link, form).await;
            }
            Err(Refused::WrongState) => {
                tx.end().await?;
                opened = open(app, link, Mode::Write).await?;
                if !opened.signing.is_open_at(now) || opened.me.signed_at.is_some() {
                    return page(app, opened, form, Errors::none()).await;
                }
            }
            Err(Refused::Rule(key)) => {
                tx.end().await?;
                let again = open(app, link, Mode::Read).await?;
                return page(app, again, form, Errors::one("personnummer", rule_text(&key))).await;
            }
            Err(why) => {
                tx.end().await?;
                return Err(fault(why));
            }
        }
    }
    Err(AppError::Unavailable("answering met others again and again".to_owned()))
}

/// Refused and written down (scenario 14).
async fn wrong_person(app: &App, link: &str, form: AnswerForm) -> Result<Response, AppError> {
    let opened = open(app, link, Mode::Write).await?;
    let (signing, signatory) = (opened.signing.id, opened.me.id);
    tracing::warn!(target: "security", %signing, %signatory, "another person's e-legitimation");
    let audit = actions::wrong_person(&opened.signing, &opened.me);
    opened.tx.commit(audit).await?;
    let again = open(app, link, Mode::Read).await?;
    let message = format!(
        "E-legitimationen tillhör inte {}, som länken är till. Inget är signerat. Kontakta Kundservice om någon annan ska signera",
        again.me.name
    );
    page(app, again, form, Errors::one("personnummer", message)).await
}
