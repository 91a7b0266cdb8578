//! A mail's text, made when it is sent: it says how things stand then.

use askama::Template;
use sha2::{Digest, Sha256};

use super::{
    Outgoing, digest,
    mail_store::{DueMail, OrderFacts},
};
use crate::{
    agreements::{self, domain::Signing},
    calendar::long_date,
    catalogue::Catalogue,
    http::AppError,
    identity::{mails::Words, token::Token},
    orders::{mails, web::view::price_text},
    text::hex,
};

#[derive(Template)]
#[template(path = "mail/order.txt", whitespace = "preserve")]
struct TextMail<'a> {
    mail: &'a Parts,
}

#[derive(Template)]
#[template(path = "mail/order.html")]
struct HtmlMail<'a> {
    mail: &'a Parts,
    subject: &'a str,
}

struct Parts {
    hello: String,
    says: String,
    number: String,
    service: String,
    customer: String,
    by: String,
    price: String,
    due: String,
    href: String,
    host: String,
    because: String,
    settings: Option<String>,
}

/// "Hej Karin," or "Hej," when nobody is named.
fn hello(due: &DueMail) -> String {
    let first_name = due.name.as_deref().and_then(|name| name.split_whitespace().next());
    first_name.map_or_else(|| "Hej,".to_owned(), |name| format!("Hej {name},"))
}

/// The part of the address that people recognise.
fn host(base_url: &str) -> String {
    base_url.trim_start_matches("https://").trim_start_matches("http://").to_owned()
}

/// Where its reader chooses mails at once or a digest; `None` for what is always sent at once.
fn settings(base_url: &str, due: &DueMail) -> Option<String> {
    due.may_wait().then(|| format!("{base_url}/konto/aviseringar"))
}

/// A mail sent twice has the same Message-ID, so that the receiver can tell.
fn outgoing(
    due: &DueMail,
    host: &str,
    to: (&str, &str),
    (subject, text, html): (String, String, String),
) -> Outgoing {
    let domain = host.split([':', '/']).next().unwrap_or("kundportalen");
    let digest = hex(&Sha256::digest(due.key.as_bytes()));
    Outgoing {
        message_id: format!("<{}@{domain}>", digest.get(..40).unwrap_or("mail")),
        to: to.0.to_owned(),
        to_name: to.1.to_owned(),
        subject,
        text,
        html,
        code: due.code.clone(),
        settings: None,
    }
}

/// The mail about an order, for a recipient at an address.
pub(super) fn order(
    catalogue: &Catalogue,
    base_url: &str,
    (due, order): (&DueMail, &OrderFacts),
    to: (&str, &str),
) -> Result<Outgoing, AppError> {
    let service = catalogue.name(&order.service_code);
    let what = if order.agent_name.is_empty() {
        service.to_owned()
    } else {
        format!("{service} via {}", order.agent_name)
    };
    let words = mails::words(&due.code, &what, &order.customer_name, &order.agent_name);
    let parts = Parts {
        hello: hello(due),
        says: words.says,
        number: order.number.clone(),
        service: what.clone(),
        customer: order.customer_name.clone(),
        by: order.created_by_name.clone(),
        price: price_text(order.price_once_ore, order.price_yearly_ore),
        due: order.due_on.filter(|_| mails::has_last_day(&due.code)).map(long_date).unwrap_or_default(),
        href: format!("{base_url}/arende/{}", order.number),
        host: host(base_url),
        because: mails::because(&due.code, &due.org_name),
        settings: settings(base_url, due),
    };
    let subject = format!("{} {} – {service}", order.number, words.wants);
    let text = TextMail { mail: &parts }.render()?;
    let html = HtmlMail { mail: &parts, subject: &subject }.render()?;
    Ok(Outgoing { settings: parts.settings, ..outgoing(due, &parts.host, to, (subject, text, html)) })
}

#[derive(Template)]
#[template(path = "mail/agreement.txt", whitespace = "preserve")]
struct AgreementText<'a> {
    mail: &'a AgreementParts,
}

#[derive(Template)]
#[template(path = "mail/agreement.html")]
struct AgreementHtml<'a> {
    mail: &'a AgreementParts,
    subject: &'a str,
}

struct AgreementParts {
    hello: String,
    says: String,
    next: &'static str,
    button: &'static str,
    kind: &'static str,
    number: String,
    org: String,
    until: String,
    href: String,
    because: String,
}

/// The mail about an agreement. A signatory gets the personal link, others the page behind sign-in.
pub(super) fn signing(
    base_url: &str,
    (due, signing): (&DueMail, &Signing),
    link: Option<&Token>,
    to: (&str, &str),
) -> Result<Outgoing, AppError> {
    let kind = signing.kind.label();
    let words = agreements::mails::words(&due.code, kind, &signing.org_name, link.is_some());
    let parts = AgreementParts {
        hello: hello(due),
        says: words.says,
        next: words.next,
        button: words.button,
        kind,
        number: signing.number.clone(),
        org: signing.org_name.clone(),
        until: if agreements::mails::asks_to_sign(&due.code) {
            long_date(crate::calendar::local(signing.expires_at).date)
        } else {
            String::new()
        },
        href: match (link, due.code.as_str()) {
            (Some(link), _) => format!("{base_url}/signera/{}", link.expose()),
            (None, "N-01") => format!("{base_url}/valj-organisation"),
            (None, _) => format!("{base_url}/arende/{}", signing.number),
        },
        because: agreements::mails::because(&due.code, &due.org_name, link.is_some()),
    };
    let subject = format!("{kind} för {}, {}, {}", signing.org_name, signing.number, words.wants);
    let text = AgreementText { mail: &parts }.render()?;
    let html = AgreementHtml { mail: &parts, subject: &subject }.render()?;
    Ok(outgoing(due, &host(base_url), to, (subject, text, html)))
}

#[derive(Template)]
#[template(path = "mail/contact.txt", whitespace = "preserve")]
struct ContactText<'a> {
    mail: &'a ContactParts,
}

#[derive(Template)]
#[template(path = "mail/contact.html")]
struct ContactHtml<'a> {
    mail: &'a ContactParts,
    subject: &'a str,
}

struct ContactParts {
    hello: String,
    says: String,
    next: &'static str,
    button: &'static str,
    href: String,
    because: String,
    settings: Option<String>,
}

/// The mail about somebody's place in an organisation, or an invitation to one.
pub(super) fn contact(
    base_url: &str,
    (due, words, because): (&DueMail, Words, String),
    path: &str,
    to: (&str, &str),
) -> Result<Outgoing, AppError> {
    let parts = ContactParts {
        hello: hello(due),
        says: words.says,
        next: words.next,
        button: words.button,
        href: format!("{base_url}{path}"),
        because,
        settings: settings(base_url, due),
    };
    let text = ContactText { mail: &parts }.render()?;
    let html = ContactHtml { mail: &parts, subject: &words.subject }.render()?;
    let mail = outgoing(due, &host(base_url), to, (words.subject, text, html));
    Ok(Outgoing { settings: parts.settings, ..mail })
}

#[derive(Template)]
#[template(path = "mail/digest.txt", whitespace = "preserve")]
struct DigestText<'a> {
    mail: &'a DigestParts,
}

#[derive(Template)]
#[template(path = "mail/digest.html")]
struct DigestHtml<'a> {
    mail: &'a DigestParts,
    subject: &'a str,
}

struct DigestParts {
    hello: String,
    says: String,
    parts: Vec<(&'static str, digest::Shown)>,
    rest_href: String,
    because: String,
    settings: String,
}

/// The day's digest.
pub(super) fn digest(
    base_url: &str,
    due: &DueMail,
    told: digest::Told,
    to: (&str, &str),
) -> Result<Outgoing, AppError> {
    let (waiting, rest) = told.by_kind();
    let headline = digest::headline(waiting.0.len() + waiting.1, rest.0.len() + rest.1);
    let mail = DigestParts {
        hello: hello(due),
        says: format!("{headline} hos {}.", due.org_name),
        parts: [("Väntar på dig", waiting), ("Har ändrats", rest)]
            .into_iter()
            .filter(|(_, shown)| !shown.0.is_empty())
            .collect(),
        rest_href: format!("{base_url}/valj-organisation"),
        because: if due.daily {
            format!(
                "Du får mejlet för att du är kontakt hos {} och har valt ett sammandrag om dagen.",
                due.org_name
            )
        } else {
            format!(
                "Det här är vad som väntade när du valde mejl direkt. Du är kontakt hos {}.",
                due.org_name
            )
        },
        settings: format!("{base_url}/konto/aviseringar"),
    };
    let subject = format!("Sammandrag för {}: {}", due.org_name, headline.to_lowercase());
    let text = DigestText { mail: &mail }.render()?;
    let html = DigestHtml { mail: &mail, subject: &subject }.render()?;
    let sent = outgoing(due, &host(base_url), to, (subject, text, html));
    Ok(Outgoing { settings: Some(mail.settings), ..sent })
}
