//! Handing mail over: to an SMTP server, to the demo's viewer, or to a test.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, MultiPart, header::HeaderName, header::HeaderValue},
};

use crate::config::Secret;

/// A rendered mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The same at every try, so that a receiver can tell a repeat.
    pub message_id: String,
    /// Address.
    pub to: String,
    /// Person's or organisation's name.
    pub to_name: String,
    /// Subject.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// HTML.
    pub html: String,
    /// Where the reader chooses which mails to get; for what may wait.
    pub settings: Option<String>,
    /// Catalogue number, for tests.
    pub code: String,
}

/// Why a mail was not handed over.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Trying again can't help: the address or the message is wrong.
    #[error("{0}")]
    Permanent(String),
    /// The server did not take it now.
    #[error("{0}")]
    Transient(String),
}

/// Where mail goes.
#[derive(Clone)]
pub enum Mailer {
    /// An SMTP server.
    Smtp(Box<AsyncSmtpTransport<Tokio1Executor>>, Mailbox),
    /// The demo's viewer: the worker writes it to a table.
    Viewer,
    /// A test's list; `fail` makes every delivery fail for now.
    Kept {
        /// What was sent.
        sent: Arc<Mutex<Vec<Outgoing>>>,
        /// Pretend that the server is away.
        fail: Arc<std::sync::atomic::AtomicBool>,
    },
}

const PATIENCE: Duration = Duration::from_secs(30);

impl Mailer {
    /// A mailer for an address like `smtp://user:password@host:587`.
    pub fn smtp(url: &Secret, from: &str) -> Result<Self, SendError> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose())
            .map_err(|error| SendError::Permanent(error.to_string()))?
            .timeout(Some(Duration::from_secs(10)))
            .build();
        let from =
            from.parse().map_err(|_| SendError::Permanent("the sender is not an address".to_owned()))?;
        Ok(Self::Smtp(Box::new(transport), from))
    }

    /// A list for tests.
    pub fn kept() -> Self {
        Self::Kept { sent: Arc::default(), fail: Arc::default() }
    }

    /// Hands one mail over, within half a minute.
    pub async fn send(&self, mail: &Outgoing) -> Result<(), SendError> {
        match self {
            Self::Viewer => Ok(()),
            Self::Kept { sent, fail } => {
                if fail.load(std::sync::atomic::Ordering::Relaxed) {
                    return Err(SendError::Transient("the test's server is away".to_owned()));
                }
                sent.lock().unwrap_or_else(PoisonError::into_inner).push(mail.clone());
                Ok(())
            }
            Self::Smtp(transport, from) => {
                let message = message(mail, from)?;
                // lettre's own time limit covers the connection only (lettre#1027).
                match tokio::time::timeout(PATIENCE, transport.send(message)).await {
                    Ok(Ok(_)) => Ok(()),
                    Ok(Err(error)) if error.is_permanent() => Err(SendError::Permanent(error.to_string())),
                    Ok(Err(error)) => Err(SendError::Transient(error.to_string())),
                    Err(_) => Err(SendError::Transient("no answer in 30 seconds".to_owned())),
                }
            }
        }
    }
}

fn message(mail: &Outgoing, from: &Mailbox) -> Result<Message, SendError> {
    let permanent = |error: &dyn std::fmt::Display| SendError::Permanent(error.to_string());
    let address = mail.to.parse().map_err(|error: lettre::address::AddressError| permanent(&error))?;
    let auto = HeaderName::new_from_ascii_str("Auto-Submitted");
    let mut message = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(Some(mail.to_name.clone()), address))
        .subject(mail.subject.clone())
        .message_id(Some(mail.message_id.clone()))
        .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
        .map_err(|error| permanent(&error))?;
    message.headers_mut().insert_raw(HeaderValue::new(auto, "auto-generated".to_owned()));
    if let Some(page) = &mail.settings {
        let unsubscribe = HeaderName::new_from_ascii_str("List-Unsubscribe");
        message.headers_mut().insert_raw(HeaderValue::new(unsubscribe, format!("<{page}>")));
    }
    Ok(message)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests say what they expect")]
mod tests {
    use super::*;

    #[test]
    fn what_may_wait_says_where_that_is_chosen() {
        let mut mail = Outgoing {
            message_id: "<1@portal.test>".to_owned(),
            to: "karin@lindangen.example".to_owned(),
            to_name: "Karin".to_owned(),
            subject: "Hej".to_owned(),
            text: "Hej".to_owned(),
            html: "<p>Hej</p>".to_owned(),
            settings: Some("https://portal.test/konto/aviseringar".to_owned()),
            code: "N-41".to_owned(),
        };
        let from = "portal@portal.test".parse().unwrap();
        let sent = |mail: &Outgoing| String::from_utf8(message(mail, &from).unwrap().formatted()).unwrap();
        let written = sent(&mail);
        assert!(written.contains("List-Unsubscribe: <https://portal.test/konto/aviseringar>"), "{written}");
        assert!(written.contains("Auto-Submitted: auto-generated"));
        mail.settings = None;
        assert!(!sent(&mail).contains("List-Unsubscribe"));
    }
}
