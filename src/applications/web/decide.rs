//! `/inera/ansokningar/{ansokan}/{komplettera,avsla,godkann}`: an officer asks for more, says no, or approves.

use std::fmt::Write;

use askama::Template;
use axum::{http::HeaderMap, response::Response};
use serde::{Deserialize, Serialize};

use super::{
    Part, fault,
    staff::{ApplicationPath, here, known_words, load, written},
};
use crate::{
    applications::{
        actions::{self, Approval, Refused, rule_text},
        domain::State,
        queries::{self, Found},
    },
    http::{
        AppError, Chrome, Cx, Errors, Flash, Form, Path, Query, Staff,
        form::{Choice, Motive},
        session::with_cookie,
    },
    identity::{
        confirmation::{EidProof, Subject},
        web::{
            confirm::{
                IdentifiedAs, KeptQuery, Seen, Ways, brought, confirm_with, confirmed, fingerprint,
                identified, identified_as, identify_first, kept,
            },
            eid,
        },
    },
    organisation::{data_queries, web::words},
};

/// What is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Ask,
    Reject,
    Approve,
}

impl Act {
    fn step(self) -> &'static str {
        match self {
            Self::Ask => "komplettera",
            Self::Reject => "avsla",
            Self::Approve => "godkann",
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Self::Ask => "Begär komplettering",
            Self::Reject => "Avslå ansökan",
            Self::Approve => "Godkänn ansökan",
        }
    }

    /// The state it leads to.
    fn to(self) -> State {
        match self {
            Self::Ask => State::CompletionAsked,
            Self::Reject => State::Rejected,
            Self::Approve => State::Approved,
        }
    }

    /// Must it be confirmed who one is?
    fn is_confirmed(self) -> bool {
        self != Self::Ask
    }

    fn fits(self, state: State) -> bool {
        state == State::UnderReview
            || (self == Self::Reject && matches!(state, State::CompletionAsked | State::Approved))
    }
}

/// What must have been checked before an approval (portal.md 2.2 row 5).
const CHECKS: [(&str, &str); 4] = [
    ("care", "Organisationen bedriver verksamhet i vård eller omsorg"),
    ("care_provider", "Organisationen är vårdgivare"),
    ("no_obstacle", "Det finns inga juridiska hinder för att bli kund"),
    ("signatories", "Firmatecknarna är behöriga och firmateckningen stämmer med registreringsbeviset"),
];

/// The decision as typed. The password never comes back, and is never kept.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct DecideForm {
    #[serde(default)]
    text: String,
    #[serde(default)]
    kategori: String,
    #[serde(default)]
    villkor: Vec<String>,
    #[serde(default)]
    kontroll: Vec<String>,
    #[serde(default)]
    revision: i32,
    #[serde(default)]
    visat: String,
    #[serde(default, skip_serializing)]
    losenord: String,
    #[serde(default, skip_serializing)]
    legitimera: String,
}

#[derive(Template)]
#[template(path = "applications/decide.html")]
struct DecidePage {
    chrome: Chrome,
    act: Act,
    heading: &'static str,
    back: String,
    here: String,
    number: String,
    name: String,
    text: String,
    categories: Vec<Choice>,
    facts: Vec<Choice>,
    checks: Vec<Choice>,
    parts: Vec<Part>,
    known: String,
    revision: i32,
    shown: String,
    identified: Option<IdentifiedAs>,
    confirms: Ways,
    errors: Errors,
}

struct Matter {
    found: Found,
    parts: Vec<Part>,
    categories: Vec<(String, String)>,
    back: String,
    here: String,
    /// What the organisation is in the register already.
    known: String,
    /// What is confirmed of the application.
    said: String,
}

impl Matter {
    fn seen(&self) -> Seen {
        Seen { revision: self.found.application.revision, visat: fingerprint(&self.said) }
    }
}

async fn matter(cx: &mut Cx<Staff>, act: Act, path: &ApplicationPath) -> Result<Matter, AppError> {
    let _permit = cx.actor.permit_agreements().map_err(|denied| AppError::Forbidden(denied.0))?;
    let found = load(cx, path).await?;
    if !act.fits(found.application.state) {
        return Err(fault(Refused::Stale));
    }
    let parts = written(cx, &found).await?;
    // The form itself is kept for as long as it is needed, and what is confirmed for ever: its sum stands for it.
    let mut whole = String::new();
    for (key, value) in parts.iter().flat_map(|part| &part.facts) {
        let _ = writeln!(whole, "{key}: {value}");
    }
    let known = queries::known_as(&mut cx.tx, found.application.id).await?;
    let known = known.map(|known| known_words(&known)).unwrap_or_default();
    // A sole trader's name and number are a person's: the sum alone stands for them.
    let whom = if found.application.sole_trader {
        "Enskild firma".to_owned()
    } else {
        format!("{}, {}", found.application.content.name, found.application.shown_nr())
    };
    let mut said = format!(
        "{}: {}\n{whom}\nAnsökans kontrollsumma SHA-256: {}\n",
        act.heading(),
        found.application.number.as_deref().unwrap_or_default(),
        fingerprint(&whole)
    );
    if !known.is_empty() {
        let _ = writeln!(said, "Finns redan i registret: {known}");
    }
    let today = cx.app.clock().today();
    let categories = data_queries::categories(&mut cx.tx, today).await?;
    let back = here(&found);
    Ok(Matter { here: format!("{back}/{}", act.step()), back, parts, categories, known, said, found })
}

async fn page(
    mut cx: Cx<Staff>,
    act: Act,
    (matter, form): (Matter, DecideForm),
    proof: Option<&EidProof>,
    errors: Errors,
) -> Result<Response, AppError> {
    let prefix = errors.title_prefix();
    let status = errors.status();
    let seen = matter.seen();
    let ticked = |list: &[String], code: &str| list.iter().any(|known| known == code);
    let choice = |list: &[String], (code, label): &(&str, &str)| Choice {
        value: (*code).to_owned(),
        label: (*label).to_owned(),
        selected: ticked(list, code),
    };
    let mut categories = vec![Choice::new("", "Välj", &form.kategori)];
    categories.extend(matter.categories.iter().map(|(code, name)| Choice::new(code, name, &form.kategori)));
    let confirms = confirm_with(&mut cx).await?;
    let page = DecidePage {
        chrome: cx.chrome(&format!("{prefix}{}", act.heading())).focused(),
        act,
        heading: act.heading(),
        number: matter.found.application.number.clone().unwrap_or_default(),
        name: matter.found.application.content.name.clone(),
        categories,
        facts: words::FACTS.iter().map(|fact| choice(&form.villkor, fact)).collect(),
        checks: CHECKS.iter().map(|check| choice(&form.kontroll, check)).collect(),
        text: form.text,
        parts: matter.parts,
        known: matter.known,
        back: matter.back,
        here: matter.here,
        revision: seen.revision,
        shown: seen.visat,
        identified: identified_as(proof),
        confirms,
        errors,
    };
    cx.show_as(status, page).await
}

async fn new(
    headers: HeaderMap,
    mut cx: Cx<Staff>,
    act: Act,
    (path, query): (ApplicationPath, KeptQuery),
) -> Result<Response, AppError> {
    let matter = matter(&mut cx, act, &path).await?;
    let form: DecideForm = if query.is_return() {
        kept(&mut cx, &matter.here, &query).await?
    } else {
        let content = &matter.found.application.content;
        let financed = (content.financed == "ja").then(|| "publicly_financed".to_owned());
        DecideForm {
            kategori: content.category.clone(),
            villkor: std::iter::once("care_provider".to_owned()).chain(financed).collect(),
            ..DecideForm::default()
        }
    };
    let mut errors = Errors::none();
    let found = identified(&mut cx, &headers, (&matter.here, &matter.seen())).await?;
    let proof = brought(found, query.is_return(), &mut errors);
    page(cx, act, (matter, form), proof.as_ref(), errors).await
}

/// What was decided.
enum Decision {
    Ask(Motive),
    Reject(Motive),
    Approve(Approval),
}

/// Reads the decision, and adds to the text what is confirmed.
fn parse(act: Act, matter: &Matter, form: &DecideForm, errors: &mut Errors) -> Option<(Decision, String)> {
    let mut said = matter.said.clone();
    if act != Act::Approve {
        if act == Act::Ask && form.text.trim().is_empty() {
            errors.add("text", "Skriv vad sökanden behöver komplettera");
            return None;
        }
        let motive = errors.take("text", Motive::parse(&form.text))?;
        let _ = writeln!(said, "Motivering: {}", form.text.trim());
        return Some((if act == Act::Ask { Decision::Ask(motive) } else { Decision::Reject(motive) }, said));
    }
    let category = matter.categories.iter().find(|(code, _)| *code == form.kategori);
    if category.is_none() {
        errors.add("kategori", "Välj kundkategori");
    }
    let mut checks = Vec::new();
    for (code, label) in CHECKS {
        if form.kontroll.iter().any(|ticked| ticked == code) {
            checks.push(code.to_owned());
            let _ = writeln!(said, "Kontrollerat: {label}");
        } else {
            errors.add(&format!("kontroll-{code}"), format!("Kontrollera och kryssa i: {label}"));
        }
    }
    let mut facts: Vec<String> = Vec::new();
    for (code, label) in words::FACTS {
        if form.villkor.iter().any(|ticked| ticked == code) {
            facts.push(code.to_owned());
            let _ = writeln!(said, "Villkor: {label}");
        }
    }
    if matter.found.application.sole_trader {
        facts.push("sole_trader".to_owned());
    }
    let (code, name) = category?;
    let _ = writeln!(said, "Kundkategori: {name}");
    errors.is_empty().then(|| (Decision::Approve(Approval { category: code.clone(), facts, checks }), said))
}

async fn create(
    headers: HeaderMap,
    mut cx: Cx<Staff>,
    act: Act,
    (path, form): (ApplicationPath, DecideForm),
) -> Result<Response, AppError> {
    let matter = matter(&mut cx, act, &path).await?;
    let seen = matter.seen();
    let mut errors = Errors::none();
    if (form.revision, &form.visat) != (seen.revision, &seen.visat) {
        return Err(fault(Refused::Stale));
    }
    if act == Act::Approve && eid::offered(&cx.app).is_empty() {
        errors
            .add("kategori", "Ingen kan signera avtalet ännu: e-legitimation är inte kopplad till portalen");
    }
    let parsed = parse(act, &matter, &form, &mut errors).filter(|_| errors.is_empty());
    let Some((decision, said)) = parsed else {
        return page(cx, act, (matter, form), None, errors).await;
    };
    if !form.legitimera.is_empty() {
        let what =
            format!("{}, {}", act.heading(), matter.found.application.number.as_deref().unwrap_or_default());
        return identify_first(cx, &form, (&form.legitimera, &matter.here), what).await;
    }
    let (app, at) = (cx.app.clone(), cx.app.clock().now());
    let found = &matter.found;
    let proof = if act.is_confirmed() {
        let what =
            (Subject::application(found.application.id, seen.revision, act.to().code()), said.as_str());
        let typed = (&form, form.losenord.as_str(), form.legitimera.as_str());
        match confirmed(&mut cx, &headers, (&matter.here, &seen), typed, what, &mut errors).await? {
            Ok(proof) => Some(proof),
            Err(eid) => return page(cx, act, (matter, form), eid.as_ref(), errors).await,
        }
    } else {
        None
    };
    let done = match (decision, proof) {
        (Decision::Ask(question), _) => actions::ask(&mut cx.tx, &cx.actor, (found, question), at).await,
        (Decision::Reject(reason), Some(proof)) => {
            actions::reject(&mut cx.tx, &cx.actor, (found, reason), (proof, at)).await
        }
        (Decision::Approve(approval), Some(proof)) => {
            let who = (&cx.actor, app.keys());
            actions::approve(&mut cx.tx, who, (found, &approval), (proof, at)).await
        }
        (_, None) => Err(Refused::Rule("confirmation".to_owned())),
    };
    match done {
        Ok(audit) => {
            cx.commit(audit).await?;
            let flash = match act {
                Act::Ask => Flash::ApplicationAsked,
                Act::Reject => Flash::ApplicationRejected,
                Act::Approve => Flash::ApplicationApproved,
            };
            Ok(with_cookie(flash.on(&matter.back), app.cookie().clear_visit()))
        }
        Err(Refused::Rule(key)) => {
            let cx = cx.reopen().await?;
            let field = if act == Act::Approve { "kategori" } else { "text" };
            page(cx, act, (matter, form), None, Errors::one(field, rule_text(&key))).await
        }
        Err(why) => Err(fault(why)),
    }
}

/// `GET /inera/ansokningar/{ansokan}/komplettera`
pub async fn ask_new(
    headers: HeaderMap,
    cx: Cx<Staff>,
    Path(path): Path<ApplicationPath>,
    Query(query): Query<KeptQuery>,
) -> Result<Response, AppError> {
    new(headers, cx, Act::Ask, (path, query)).await
}

/// `POST /inera/ansokningar/{ansokan}/komplettera`
pub async fn ask_create(
    headers: HeaderMap,
    cx: Cx<Staff>,
    Path(path): Path<ApplicationPath>,
    Form(form): Form<DecideForm>,
) -> Result<Response, AppError> {
    create(headers, cx, Act::Ask, (path, form)).await
}

/// `GET /inera/ansokningar/{ansokan}/avsla`
pub async fn reject_new(
    headers: HeaderMap,
    cx: Cx<Staff>,
    Path(path): Path<ApplicationPath>,
    Query(query): Query<KeptQuery>,
) -> Result<Response, AppError> {
    new(headers, cx, Act::Reject, (path, query)).await
}

/// `POST /inera/ansokningar/{ansokan}/avsla`
pub async fn reject_create(
    headers: HeaderMap,
    cx: Cx<Staff>,
    Path(path): Path<ApplicationPath>,
    Form(form): Form<DecideForm>,
) -> Result<Response, AppError> {
    create(headers, cx, Act::Reject, (path, form)).await
}

/// `GET /inera/ansokningar/{ansokan}/godkann`
pub async fn approve_new(
    headers: HeaderMap,
    cx: Cx<Staff>,
    Path(path): Path<ApplicationPath>,
    Query(query): Query<KeptQuery>,
) -> Result<Response, AppError> {
    new(headers, cx, Act::Approve, (path, query)).await
}

/// `POST /inera/ansokningar/{ansokan}/godkann`
pub async fn approve_create(
    headers: HeaderMap,
    cx: Cx<Staff>,
    Path(path): Path<ApplicationPath>,
    Form(form): Form<DecideForm>,
) -> Result<Response, AppError> {
    create(headers, cx, Act::Approve, (path, form)).await
}
