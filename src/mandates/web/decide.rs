//! `…/uppdrag/{ansokan}/{steg}`: what Inera and the agent's people decide, each on a page that says what is decided.

use std::fmt::Write as _;

use askama::Template;
use axum::{http::HeaderMap, response::Response};
use serde::{Deserialize, Serialize};

use super::{StepPath, facts, fault, here, load, side_of};
use crate::{
    applications::domain::shown_nr,
    http::{
        Agent, AppError, Chrome, Cx, Errors, Flash, Form, Path, Query, Staff,
        context::For,
        form::{Choice, Motive},
        session::with_cookie,
    },
    identity::{
        Side,
        confirmation::EidProof,
        web::confirm::{
            IdentifiedAs, KeptQuery, Seen, Ways, brought, confirm_with, confirmed, fingerprint, identified,
            identified_as, identify_first, kept,
        },
    },
    mandates::{
        actions::{self, Decision, Refused, may_attest, may_review, may_withdraw, rule_text, subject_of},
        domain::{State, named},
        queries::{self, Application},
    },
};

/// What is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Ask,
    Reject,
    Forward,
    Activate,
    Attest,
    Refuse,
    Withdraw,
}

/// Everything about an act that is words.
struct Spoken {
    step: &'static str,
    heading: &'static str,
    lead: &'static str,
    button: &'static str,
}

impl Act {
    const ALL: [Self; 7] =
        [Self::Ask, Self::Reject, Self::Forward, Self::Activate, Self::Attest, Self::Refuse, Self::Withdraw];

    fn spoken(self) -> Spoken {
        let (step, heading, lead, button) = match self {
            Self::Ask => (
                "fraga",
                "Begär komplettering",
                "Agenten läser frågan, ändrar i formuläret och skickar ansökan igen.",
                "Skicka frågan",
            ),
            Self::Reject => (
                "avsla",
                "Avslå ansökan",
                "Ansökan avslutas. Agenten läser skälet och kan ansöka igen.",
                "Avslå ansökan",
            ),
            Self::Forward => (
                "tillstyrk",
                "Tillstyrk ansökan",
                "Ansökan går till agentens attestant. Beviljas den ansluts agenten.",
                "Tillstyrk ansökan",
            ),
            Self::Activate => (
                "aktivera",
                "Aktivera agentuppdraget",
                "Kunder kan välja agenten när uppdraget är aktivt och en handläggare har behörighet i det.",
                "Aktivera agentuppdraget",
            ),
            Self::Attest => (
                "attestera",
                "Attestera agentuppdraget",
                "Ni ansöker om att förmedla tjänsten enligt villkoren. Inera har granskat ansökan.",
                "Attestera",
            ),
            Self::Refuse => {
                ("avvisa", "Avslå agentuppdraget", "Ansökan avslutas. Den som ansökte läser skälet.", "Avslå")
            }
            Self::Withdraw => (
                "aterkalla",
                "Återkalla ansökan",
                "Ansökan avslutas och kan inte öppnas igen. Ni kan skicka en ny när ni vill.",
                "Återkalla ansökan",
            ),
        };
        Spoken { step, heading, lead, button }
    }

    fn side(self) -> Side {
        match self {
            Self::Ask | Self::Reject | Self::Forward | Self::Activate => Side::Inera,
            Self::Attest | Self::Refuse | Self::Withdraw => Side::Agent,
        }
    }

    /// The state it leads to.
    fn to(self) -> State {
        match self {
            Self::Ask => State::CompletionAsked,
            Self::Reject => State::Rejected,
            Self::Forward => State::AwaitingAttest,
            Self::Activate => State::Active,
            Self::Attest => State::Granted,
            Self::Refuse => State::AttestRefused,
            Self::Withdraw => State::Withdrawn,
        }
    }

    fn is_confirmed(self) -> bool {
        !matches!(self, Self::Ask | Self::Withdraw)
    }

    fn gives_reason(self) -> bool {
        matches!(self, Self::Ask | Self::Reject | Self::Refuse)
    }

    fn is_no(self) -> bool {
        matches!(self, Self::Reject | Self::Refuse | Self::Withdraw)
    }

    fn flash(self) -> Flash {
        match self {
            Self::Ask => Flash::MandateQuestion,
            Self::Reject | Self::Refuse => Flash::MandateRefused,
            Self::Forward => Flash::MandateForwarded,
            Self::Activate => Flash::MandateActivated,
            Self::Attest => Flash::MandateAttested,
            Self::Withdraw => Flash::MandateWithdrawn,
        }
    }
}

/// What is ticked before an activation.
const VERIFIED: &str = "Den tekniska anslutningen är verifierad, med godkänd självdeklaration";

/// The decision as typed. The password never comes back, and is never kept.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct DecideForm {
    #[serde(default)]
    text: String,
    #[serde(default)]
    godkand: Vec<String>,
    #[serde(default)]
    undantag: String,
    #[serde(default)]
    verifierad: String,
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
#[template(path = "mandates/decide.html")]
struct DecidePage {
    chrome: Chrome,
    act: Act,
    words: Spoken,
    back: String,
    here: String,
    number: String,
    what: String,
    facts: Vec<(String, String)>,
    customers: Vec<Choice>,
    /// The terms' title and text, for the attestant.
    terms: Option<(String, String)>,
    verified: &'static str,
    least: i32,
    form: DecideForm,
    shown: String,
    revision: i32,
    identified: Option<IdentifiedAs>,
    confirms: Ways,
    errors: Errors,
}

struct Matter {
    act: Act,
    application: Application,
    what: String,
    facts: Vec<(String, String)>,
    /// The accepted terms: title and text.
    terms: Option<(String, String)>,
    /// Named end customers: number, and what the register says.
    customers: Vec<(String, String)>,
    back: String,
    here: String,
    /// What is confirmed of the application.
    said: String,
}

impl Matter {
    fn seen(&self) -> Seen {
        Seen { revision: self.application.revision, visat: fingerprint(&self.said) }
    }
}

/// Each named end customer with what the register knows of it.
async fn named_customers<S: For>(
    cx: &mut Cx<S>,
    application: &Application,
) -> Result<Vec<(String, String)>, AppError> {
    let numbers: Vec<String> =
        application.content.customers.iter().map(|customer| customer.org_nr.clone()).collect();
    let day = cx.app.clock().today();
    let known = queries::known_customers(&mut cx.tx, &numbers, (&application.service_code, day)).await?;
    let line = |customer: &crate::mandates::domain::EndCustomer| {
        let found = known.iter().find(|row| row.org_nr == customer.org_nr);
        let mut says = match found.map(|row| (row.customer_no, row.covered)) {
            Some((Some(no), true)) => format!("kund {no}, kundavtalet omfattar tjänsten"),
            Some((Some(no), false)) => format!("kund {no}, inget kundavtal omfattar tjänsten"),
            Some((None, _)) => "inte kund hos Inera".to_owned(),
            None => "finns inte i registret".to_owned(),
        };
        if found.is_some_and(|row| row.ceased) {
            says.push_str(", har upphört");
        }
        if found.is_some_and(|row| !row.care_provider) {
            says.push_str(", inte registrerad som vårdgivare");
        }
        let register =
            found.filter(|row| row.name != customer.name).map(|row| format!(", i registret {}", row.name));
        let name = format!("{} ({})", customer.name, shown_nr(&customer.org_nr, false));
        (customer.org_nr.clone(), format!("{name}{}: {says}", register.unwrap_or_default()))
    };
    Ok(application.content.customers.iter().map(line).collect())
}

async fn matter<S: For>(cx: &mut Cx<S>, path: &StepPath) -> Result<Matter, AppError> {
    let act = Act::ALL.into_iter().find(|act| act.spoken().step == path.steg && act.side() == side_of::<S>());
    let act = act.ok_or(AppError::NotFound)?;
    let application = load(cx, &path.ansokan).await?;
    let may = match act {
        Act::Withdraw => may_withdraw(&cx.actor, &application),
        Act::Attest | Act::Refuse => may_attest(&cx.actor, &application),
        _ => may_review(&cx.actor),
    };
    may.map_err(|denied| AppError::Forbidden(denied.0))?;
    let edge = (application.state, act.to(), act.side());
    if !crate::mandates::domain::EDGES.contains(&edge) {
        return Err(fault(Refused::Stale));
    }
    let catalogue = cx.app.catalogue().await?;
    let what = named(catalogue.name(&application.service_code), &application.role);
    let facts = facts(&application, &what);
    let customers = if act == Act::Forward { named_customers(cx, &application).await? } else { Vec::new() };
    let terms =
        (act == Act::Attest).then(|| (application.terms_title.clone(), application.terms_body.clone()));
    let spoken = act.spoken();
    let mut said = format!("{}: {}\n{}\n", spoken.heading, application.number, spoken.lead);
    for (key, value) in &facts {
        // A line of its own for each: what is written makes none.
        let _ = writeln!(said, "{key}: {}", value.replace('\n', " "));
    }
    for (_, says) in &customers {
        let _ = writeln!(said, "I registret: {says}");
    }
    if let Some((_, text)) = &terms {
        let _ = writeln!(said, "Villkorens kontrollsumma SHA-256: {}", fingerprint(text));
    }
    let back = here(cx, &application);
    Ok(Matter {
        act,
        what,
        facts,
        terms,
        customers,
        here: format!("{back}/{}", path.steg),
        back,
        said,
        application,
    })
}

async fn page<S: For>(
    mut cx: Cx<S>,
    matter: Matter,
    (form, proof): (DecideForm, Option<&EidProof>),
    errors: Errors,
) -> Result<Response, AppError> {
    let prefix = errors.title_prefix();
    let (status, seen, words) = (errors.status(), matter.seen(), matter.act.spoken());
    let customer = |(number, label): (String, String)| Choice {
        selected: form.godkand.contains(&number),
        value: number,
        label,
    };
    let confirms = confirm_with(&mut cx).await?;
    let page = DecidePage {
        chrome: cx.chrome(&format!("{prefix}{}", words.heading)).focused(),
        act: matter.act,
        words,
        number: matter.application.number,
        least: matter.application.min_end_customers,
        customers: matter.customers.into_iter().map(customer).collect(),
        terms: matter.terms,
        verified: VERIFIED,
        what: matter.what,
        facts: matter.facts,
        back: matter.back,
        here: matter.here,
        revision: seen.revision,
        shown: seen.visat,
        form,
        identified: identified_as(proof),
        confirms,
        errors,
    };
    cx.show_as(status, page).await
}

async fn new<S: For>(
    headers: HeaderMap,
    mut cx: Cx<S>,
    (path, query): (StepPath, KeptQuery),
) -> Result<Response, AppError> {
    let matter = matter(&mut cx, &path).await?;
    let form =
        if query.is_return() { kept(&mut cx, &matter.here, &query).await? } else { DecideForm::default() };
    let mut errors = Errors::none();
    let found = identified(&mut cx, &headers, (&matter.here, &matter.seen())).await?;
    let proof = brought(found, query.is_return(), &mut errors);
    page(cx, matter, (form, proof.as_ref()), errors).await
}

/// What was typed, read: reason, approved numbers, why fewer will do.
#[derive(Default)]
struct Typed {
    reason: Option<Motive>,
    approved: Vec<String>,
    waiver: String,
}

/// Reads the decision, and adds to the text what is confirmed.
fn parse(matter: &Matter, form: &DecideForm, errors: &mut Errors) -> (Typed, String) {
    let (mut typed, mut said) = (Typed::default(), matter.said.clone());
    if matter.act.gives_reason() {
        if matter.act == Act::Ask && form.text.trim().is_empty() {
            errors.add("text", "Skriv vad agenten behöver komplettera");
        } else {
            typed.reason = errors.take("text", Motive::parse(&form.text));
        }
        let _ = writeln!(said, "Motivering: {}", form.text.trim());
    }
    if matter.act == Act::Forward {
        for (number, says) in &matter.customers {
            if form.godkand.contains(number) {
                typed.approved.push(number.clone());
                let _ = writeln!(said, "Godkänd slutkund: {says}");
            }
        }
        let least = usize::try_from(matter.application.min_end_customers).unwrap_or_default();
        if typed.approved.len() < least {
            if form.undantag.trim().is_empty() {
                errors.add(
                    "undantag",
                    format!("Tjänsten kräver minst {least} godkända slutkunder. Godkänn fler, eller skriv varför färre räcker"),
                );
            } else {
                typed.waiver = errors
                    .take("undantag", Motive::parse(&form.undantag))
                    .map(Motive::into_text)
                    .unwrap_or_default();
                let _ = writeln!(said, "Färre slutkunder räcker: {}", typed.waiver);
            }
        }
    }
    if matter.act == Act::Activate {
        if form.verifierad.is_empty() {
            errors.add("verifierad", "Kontrollera anslutningen och kryssa i att den är verifierad");
        }
        let _ = writeln!(said, "Kontrollerat: {VERIFIED}");
    }
    (typed, said)
}

fn decision(act: Act, typed: Typed, proof: Option<crate::identity::Confirmed>) -> Result<Decision, Refused> {
    let lacks = || Refused::Rule("confirmation".to_owned());
    Ok(match (act, typed.reason, proof) {
        (Act::Ask, Some(question), _) => Decision::Ask(question),
        (Act::Reject, Some(reason), Some(proof)) => Decision::Reject(reason, proof),
        (Act::Refuse, Some(reason), Some(proof)) => Decision::Refuse(reason, proof),
        (Act::Forward, _, Some(proof)) => {
            Decision::Forward { approved: typed.approved, waiver: typed.waiver, proof }
        }
        (Act::Activate, _, Some(proof)) => Decision::Activate(proof),
        (Act::Attest, _, Some(proof)) => Decision::Attest(proof),
        (Act::Withdraw, ..) => Decision::Withdraw,
        _ => return Err(lacks()),
    })
}

async fn create<S: For>(
    headers: HeaderMap,
    mut cx: Cx<S>,
    (path, form): (StepPath, DecideForm),
) -> Result<Response, AppError> {
    let matter = matter(&mut cx, &path).await?;
    let (act, seen) = (matter.act, matter.seen());
    if (form.revision, &form.visat) != (seen.revision, &seen.visat) {
        return Err(fault(Refused::Stale));
    }
    let mut errors = Errors::none();
    let (typed, said) = parse(&matter, &form, &mut errors);
    if !errors.is_empty() {
        return page(cx, matter, (form, None), errors).await;
    }
    if act.is_confirmed() && !form.legitimera.is_empty() {
        let what = format!("{}, {}", act.spoken().heading, matter.application.number);
        return identify_first(cx, &form, (&form.legitimera, &matter.here), what).await;
    }
    let proof = if act.is_confirmed() {
        let what = (subject_of(&matter.application, act.to()), said.as_str());
        let secret = (&form, form.losenord.as_str(), form.legitimera.as_str());
        match confirmed(&mut cx, &headers, (&matter.here, &seen), secret, what, &mut errors).await? {
            Ok(proof) => Some(proof),
            Err(eid) => return page(cx, matter, (form, eid.as_ref()), errors).await,
        }
    } else {
        None
    };
    let at = cx.app.clock().now();
    let done = match decision(act, typed, proof) {
        Ok(decision) => actions::decide(&mut cx.tx, &cx.actor, &matter.application, decision, at).await,
        Err(why) => Err(why),
    };
    match done {
        Ok(audit) => {
            let cookie = cx.app.cookie().clear_visit();
            cx.commit(audit).await?;
            Ok(with_cookie(act.flash().on(&matter.back), cookie))
        }
        Err(Refused::Rule(key)) => {
            let cx = cx.reopen().await?;
            let field = if act.gives_reason() { "text" } else { "losenord" };
            page(cx, matter, (form, None), Errors::one(field, rule_text(&key))).await
        }
        Err(why) => Err(fault(why)),
    }
}

/// `GET /agent/{agentnr}/uppdrag/{ansokan}/{steg}`
pub async fn own_new(
    headers: HeaderMap,
    cx: Cx<Agent>,
    Path(path): Path<StepPath>,
    Query(query): Query<KeptQuery>,
) -> Result<Response, AppError> {
    new(headers, cx, (path, query)).await
}

/// `POST /agent/{agentnr}/uppdrag/{ansokan}/{steg}`
pub async fn own_create(
    headers: HeaderMap,
    cx: Cx<Agent>,
    Path(path): Path<StepPath>,
    Form(form): Form<DecideForm>,
) -> Result<Response, AppError> {
    create(headers, cx, (path, form)).await
}

/// `GET /inera/uppdrag/{ansokan}/{steg}`
pub async fn staff_new(
    headers: HeaderMap,
    cx: Cx<Staff>,
    Path(path): Path<StepPath>,
    Query(query): Query<KeptQuery>,
) -> Result<Response, AppError> {
    new(headers, cx, (path, query)).await
}

/// `POST /inera/uppdrag/{ansokan}/{steg}`
pub async fn staff_create(
    headers: HeaderMap,
    cx: Cx<Staff>,
    Path(path): Path<StepPath>,
    Form(form): Form<DecideForm>,
) -> Result<Response, AppError> {
    create(headers, cx, (path, form)).await
}
