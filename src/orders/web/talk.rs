//! Messages, files and reminders on an order.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{OrderPath, Party, load, refused, show};
use crate::{
    http::{AppError, Cx, Errors, Flash, Form, Multipart, Path, form::paragraph, layers::encode, see_other},
    identity::{Side, policy::Submit},
    orders::{
        actions,
        domain::{Order, State},
        queries, store,
    },
    text::has_personal_number,
};

/// A message being written.
#[derive(Debug, Default, Deserialize)]
pub struct MessageForm {
    #[serde(default)]
    text: String,
}

/// `POST {side}/bestallningar/{nummer}/meddelanden`
pub async fn write<S: Party>(
    mut cx: Cx<S>,
    Path(path): Path<OrderPath>,
    Form(form): Form<MessageForm>,
) -> Result<Response, AppError> {
    let (order, _) = load(&mut cx, &path.nummer).await?;
    let body = match paragraph(&form.text, 2_000) {
        Ok(body) if body.is_empty() => Err("Skriv ett meddelande".to_owned()),
        Ok(body) if has_personal_number(&body) => {
            Err("Texten innehåller något som ser ut som ett personnummer. Ta bort det innan du skickar"
                .to_owned())
        }
        other => other,
    };
    let body = match body {
        Ok(body) => body,
        Err(message) => {
            let errors = Errors::one("text", message);
            return show::page(cx, &path.nummer, StatusCode::UNPROCESSABLE_ENTITY, errors, form.text).await;
        }
    };
    if order.state.is_closed() {
        return super::conflict(cx, &order.number).await;
    }
    let here = format!("{}/bestallningar/{}", cx.actor.base(), order.number);
    let at = cx.app.clock().now();
    match actions::write(&mut cx.tx, &cx.actor, &order, &body, at).await {
        Ok(audit) => {
            cx.commit(audit).await?;
            Ok(Flash::Written.on(&here))
        }
        Err(why) => refused(cx, &order, why).await,
    }
}

/// `GET {side}/bestallningar/{nummer}/meddelanden`, `…/bilagor`, `…/paminnelse`: the address of a form that came back,
/// when it is opened anew.
pub async fn back<S: Party>(cx: Cx<S>, Path(path): Path<OrderPath>) -> Result<Response, AppError> {
    let here = format!("{}/bestallningar/{}", cx.actor.base(), path.nummer);
    cx.tx.end().await?;
    Ok(see_other(&here))
}

/// Types by their first bytes, and the endings that go with them (portal.md 3.0 "bilaga").
const TYPES: [(&str, &[&str]); 5] = [
    ("application/pdf", &["pdf"]),
    ("image/png", &["png"]),
    ("image/jpeg", &["jpg", "jpeg"]),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", &["docx"]),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", &["xlsx"]),
];

/// What can be wrong with a sent file. It travels as `?fil=…` back to the step of a draft where it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileFault {
    Missing,
    Empty,
    Name,
    Type,
    Ending,
}

impl FileFault {
    const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::Missing, "saknas", "Välj en fil"),
        (Self::Name, "namn", "Ge filen ett kortare namn utan specialtecken"),
        (Self::Empty, "tom", "Filen är tom. Välj en annan"),
        (Self::Type, "typ", "Filens innehåll är inte pdf, png, jpg, docx eller xlsx. Välj en annan fil"),
        (Self::Ending, "andelse", "Filens innehåll stämmer inte med filnamnets ändelse"),
    ];

    fn code(self) -> &'static str {
        Self::ALL.iter().find(|(fault, ..)| *fault == self).map_or("", |(_, code, _)| code)
    }

    fn text(self) -> &'static str {
        Self::ALL.iter().find(|(fault, ..)| *fault == self).map_or("", |(.., text)| text)
    }

    /// The words for a code in an address.
    pub fn words(code: &str) -> Option<&'static str> {
        Self::ALL.iter().find(|(_, known, _)| *known == code).map(|(.., text)| *text)
    }
}

/// The last step of a draft, when the form stood there; files are added and removed without leaving it.
fn review_step<S: Party>(cx: &Cx<S>, order: &Order, till: &str) -> Option<String> {
    let base = match S::READER {
        Side::Customer if order.state.is_editable() => cx.actor.base(),
        Side::Inera if order.state == State::Draft && order.placed_by_staff => {
            format!("/inera/kunder/{}", order.customer_no)
        }
        _ => return None,
    };
    let edits = till == "granska" && cx.actor.permit::<Submit>(&order.facts()).is_ok();
    edits.then(|| format!("{base}/bestall/{}/granska", order.number))
}

/// A draft is held while its files change: what is sent is what its sender saw. Agents never have drafts.
async fn hold_draft<S: Party>(cx: &mut Cx<S>, number: &str) -> Result<(), AppError> {
    if S::READER != Side::Agent {
        store::hold(&mut cx.tx, number).await?;
    }
    Ok(())
}

fn look_into(file: &Multipart) -> Result<(String, &'static str), FileFault> {
    let name = file.file_name.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    if name.is_empty() {
        return Err(FileFault::Missing);
    }
    if file.content.is_empty() {
        return Err(FileFault::Empty);
    }
    if name.chars().count() > 200 || name.chars().any(char::is_control) {
        return Err(FileFault::Name);
    }
    let found = infer::get(&file.content).map(|kind| kind.mime_type());
    let known = TYPES.iter().find(|(media_type, _)| found == Some(*media_type));
    let Some((media_type, endings)) = known else {
        return Err(FileFault::Type);
    };
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase()).unwrap_or_default();
    if !endings.contains(&ending.as_str()) {
        return Err(FileFault::Ending);
    }
    Ok((name.to_owned(), media_type))
}

/// `POST {side}/bestallningar/{nummer}/bilagor`
pub async fn attach<S: Party>(
    mut cx: Cx<S>,
    Path(path): Path<OrderPath>,
    file: Multipart,
) -> Result<Response, AppError> {
    hold_draft(&mut cx, &path.nummer).await?;
    let (order, _) = load(&mut cx, &path.nummer).await?;
    let till = file.fields.iter().find(|(name, _)| name == "till").map_or("", |(_, value)| value.as_str());
    let step = review_step(&cx, &order, till);
    let (name, media_type) = match look_into(&file) {
        Ok(found) => found,
        Err(fault) => {
            if let Some(step) = step {
                cx.tx.end().await?;
                return Ok(see_other(&format!("{step}?fil={}", fault.code())));
            }
            let errors = Errors::one("fil", fault.text());
            return show::page(cx, &path.nummer, StatusCode::UNPROCESSABLE_ENTITY, errors, String::new())
                .await;
        }
    };
    let back = step.unwrap_or_else(|| format!("{}/bestallningar/{}", cx.actor.base(), order.number));
    let sha256 = Sha256::digest(&file.content);
    let new = store::NewAttachment { file_name: &name, media_type, content: &file.content, sha256: &sha256 };
    let at = cx.app.clock().now();
    match actions::attach(&mut cx.tx, &cx.actor, &order, &new, at).await {
        Ok(audit) => {
            cx.commit(audit).await?;
            Ok(Flash::Attached.on(&back))
        }
        Err(why) => refused(cx, &order, why).await,
    }
}

/// A file's address.
#[derive(Debug, Deserialize)]
pub struct FilePath {
    nummer: String,
    fil: Uuid,
}

/// `GET {side}/bestallningar/{nummer}/bilagor/{fil}`
pub async fn file<S: Party>(mut cx: Cx<S>, Path(path): Path<FilePath>) -> Result<Response, AppError> {
    let (order, _) = load(&mut cx, &path.nummer).await?;
    let file = queries::file(&mut cx.tx, order.id, path.fil)
        .await
        .map_err(show::hidden)?
        .ok_or(AppError::NotFound)?;
    cx.tx.end().await?;
    let disposition = format!(
        "attachment; filename=\"bilaga\"; filename*=UTF-8''{}",
        encode(&file.file_name).replace('/', "%2F")
    );
    let mut response = file.content.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, file.media_type.as_str()),
        (header::CONTENT_DISPOSITION, disposition.as_str()),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox; frame-ancestors 'none'"),
        (HeaderName::from_static("x-download-options"), "noopen"),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    Ok(response)
}

/// Where the button stood.
#[derive(Debug, Default, Deserialize)]
pub struct DetachForm {
    #[serde(default)]
    till: String,
}

/// `POST {side}/bestallningar/{nummer}/bilagor/{fil}/ta-bort`
pub async fn detach<S: Party>(
    mut cx: Cx<S>,
    Path(path): Path<FilePath>,
    Form(form): Form<DetachForm>,
) -> Result<Response, AppError> {
    hold_draft(&mut cx, &path.nummer).await?;
    let (order, _) = load(&mut cx, &path.nummer).await?;
    cx.actor.permit::<Submit>(&order.facts()).map(drop).map_err(|denied| AppError::Forbidden(denied.0))?;
    if order.state != State::Draft {
        return super::conflict(cx, &order.number).await;
    }
    if !store::delete_attachment(&mut cx.tx, order.id, path.fil).await.map_err(show::hidden)? {
        return Err(AppError::NotFound);
    }
    let here = review_step(&cx, &order, &form.till)
        .unwrap_or_else(|| format!("{}/bestallningar/{}", cx.actor.base(), order.number));
    let audit = actions::edited(&cx.actor, &order, "attachment removed");
    cx.commit(audit).await?;
    Ok(Flash::Detached.on(&here))
}

/// `POST {side}/bestallningar/{nummer}/paminnelse`
pub async fn remind<S: Party>(mut cx: Cx<S>, Path(path): Path<OrderPath>) -> Result<Response, AppError> {
    let (order, _) = load(&mut cx, &path.nummer).await?;
    let here = format!("{}/bestallningar/{}", cx.actor.base(), order.number);
    let at = cx.app.clock().now();
    match actions::remind(&mut cx.tx, &cx.actor, &order, at).await {
        Ok(Some(audit)) => {
            cx.commit(audit).await?;
            Ok(Flash::Reminded.on(&here))
        }
        Ok(None) => {
            cx.tx.end().await?;
            Ok(Flash::AlreadyReminded.on(&here))
        }
        Err(why) => refused(cx, &order, why).await,
    }
}
