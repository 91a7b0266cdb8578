//! A mail's text, made when it is sent: it says how things stand then.

use askama::Template;
use sha2::{Digest, Sha256};

use super::{Outgoing, store::DueMail};
use crate::{
    calendar::long_date,
    catalogue::Catalogue,
    http::AppError,
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
}

/// The mail for a recipient at an address.
pub(super) fn render(
    catalogue: &Catalogue,
    base_url: &str,
    due: &DueMail,
    to: (&str, &str),
) -> Result<Outgoing, AppError> {
    let service = catalogue.name(&due.service_code);
    let what = if due.agent_name.is_empty() {
        service.to_owned()
    } else {
        format!("{service} via {}", due.agent_name)
    };
    let words = mails::words(&due.code, &what, &due.customer_name, &due.agent_name);
    let first_name = due.name.as_deref().and_then(|name| name.split_whitespace().next());
    let waits = matches!(due.code.as_str(), "N-40" | "N-60" | "N-61" | "N-160");
    let parts = Parts {
        hello: first_name.map_or_else(|| "Hej!".to_owned(), |name| format!("Hej {name},")).replace('!', ","),
        says: words.says,
        number: due.number.clone(),
        service: what.clone(),
        customer: due.customer_name.clone(),
        by: due.created_by_name.clone(),
        price: price_text(due.price_once_ore, due.price_yearly_ore),
        due: due.due_on.filter(|_| waits).map(long_date).unwrap_or_default(),
        href: format!("{base_url}/arende/{}", due.number),
        host: base_url.trim_start_matches("https://").trim_start_matches("http://").to_owned(),
        because: mails::because(&due.code, &due.org_name),
    };
    let subject = format!("{} {} – {service}", due.number, words.wants);
    let text = TextMail { mail: &parts }.render()?;
    let html = HtmlMail { mail: &parts, subject: &subject }.render()?;
    let host = parts.host.split([':', '/']).next().unwrap_or("kundportalen").to_owned();
    let message_id =
        format!("<{}@{host}>", hex(&Sha256::digest(due.key.as_bytes())).get(..40).unwrap_or("mail"));
    Ok(Outgoing {
        message_id,
        to: to.0.to_owned(),
        to_name: to.1.to_owned(),
        subject,
        text,
        html,
        code: due.code.clone(),
    })
}
