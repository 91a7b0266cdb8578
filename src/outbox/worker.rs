//! The loop that expands causes and sends mails, and the schedule of reminders and lapses.

use std::time::Duration;

use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use super::{
    Mailer, Outgoing, SendError, digest, expand, expand_contacts, expand_mandates, mail_store, render,
    schedule, store,
};
use crate::{
    agreements,
    app::App,
    db::{DbError, Tx},
    http::AppError,
};

/// Tries before a mail is left for people to look at.
const TRIES: i32 = 8;

/// Expands, sends, schedules.
#[derive(Clone)]
pub struct Worker {
    app: App,
    mailer: Mailer,
}

/// What went wrong in one round.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A template.
    #[error(transparent)]
    Render(#[from] AppError),
}

impl Worker {
    /// A worker for a program and a way to send.
    pub fn new(app: App, mailer: Mailer) -> Self {
        Self { app, mailer }
    }

    /// Does everything that is due now; for tests and for the loop.
    pub async fn run_until_idle(&self) -> Result<(), WorkError> {
        while self.expand_one().await? || self.send_one().await? {}
        Ok(())
    }

    /// Reminders and lapses that are due now.
    pub async fn run_schedule(&self) -> Result<(), WorkError> {
        schedule::run(&self.app).await?;
        Ok(())
    }

    fn now(&self) -> OffsetDateTime {
        self.app.clock().now()
    }

    /// Turns one cause into mails and notices, in one transaction.
    async fn expand_one(&self) -> Result<bool, WorkError> {
        let mut tx = self.app.db().worker().await?;
        let Some(due) = store::claim_notification(&mut tx, self.now()).await? else {
            tx.end().await?;
            return Ok(false);
        };
        tx.commit_bookkeeping().await?;
        let mut tx = self.app.db().worker().await?;
        match self.expand(&mut tx, &due).await {
            Ok(()) => {
                store::notification_done(&mut tx, due.id, self.now()).await?;
                tx.commit_bookkeeping().await?;
            }
            Err(error) => {
                tx.end().await?;
                let mut tx = self.app.db().worker().await?;
                tracing::warn!(%error, notification = %due.id, "expand");
                store::notification_failed(
                    &mut tx,
                    due.id,
                    self.retry(due.attempts),
                    self.now(),
                    &error.to_string(),
                )
                .await?;
                tx.commit_bookkeeping().await?;
            }
        }
        Ok(true)
    }

    async fn expand(&self, tx: &mut Tx, due: &store::Due) -> Result<(), WorkError> {
        if due.cause == "event" && (due.order.is_some() || due.mandate.is_some()) {
            store::asks_are_over(tx, due, self.now()).await?;
        }
        for told in expand::told(tx, &self.app, due).await? {
            store::insert_told(tx, due, told, self.now()).await?;
        }
        Ok(())
    }

    /// Sends one mail: claimed with a lease, handed over outside any transaction, then marked.
    async fn send_one(&self) -> Result<bool, WorkError> {
        let mut tx = self.app.db().worker().await?;
        let Some(id) = mail_store::claim_mail(&mut tx, self.now()).await? else {
            tx.end().await?;
            return Ok(false);
        };
        tx.commit_bookkeeping().await?;
        let mut tx = self.app.db().worker().await?;
        let mut parts = mail_store::claimed(&mut tx, id, self.now()).await?.into_iter();
        tx.end().await?;
        let Some(due) = parts.next() else { return Ok(true) };
        let outcome = self.deliver(&due, parts.as_slice()).await?;
        let mut tx = self.app.db().worker().await?;
        match outcome {
            Outcome::Sent => {
                mail_store::mail_sent(&mut tx, due.id, self.now()).await?;
                metrics::counter!("mail_sent_total").increment(1);
            }
            Outcome::Dropped(why) => mail_store::mail_dropped(&mut tx, due.id, why, self.now()).await?,
            Outcome::Failed(SendError::Permanent(error)) => {
                mail_store::mail_failed(&mut tx, due.id, None, self.now(), &error).await?;
                metrics::counter!("mail_dead_total").increment(1);
            }
            Outcome::Failed(SendError::Transient(error)) => {
                let retry = self.retry(due.attempts);
                mail_store::mail_failed(&mut tx, due.id, retry, self.now(), &error).await?;
                metrics::counter!(if retry.is_some() { "mail_failed_total" } else { "mail_dead_total" })
                    .increment(1);
            }
        }
        tx.commit_bookkeeping().await?;
        Ok(true)
    }

    /// Sends a mail, with a digest's `parts`.
    async fn deliver(
        &self,
        due: &mail_store::DueMail,
        parts: &[mail_store::DueMail],
    ) -> Result<Outcome, WorkError> {
        // Whoever has been removed is told that, and nothing more.
        if due.ended && due.code != "N-08" {
            return Ok(Outcome::Dropped("the person has left"));
        }
        if due.email.as_deref() == Some("") {
            return Ok(Outcome::Dropped("the account is closed"));
        }
        let mut tx = self.app.db().worker().await?;
        let made = if due.code == digest::CODE {
            self.digest(&mut tx, due, parts).await
        } else {
            self.make(&mut tx, due).await
        };
        tx.end().await?;
        let mail = match made? {
            Made::Mail(mail) => mail,
            Made::Without(mail, dropped) => {
                let mut tx = self.app.db().worker().await?;
                for (part, why) in dropped {
                    mail_store::mail_dropped(&mut tx, part, why, self.now()).await?;
                }
                tx.commit_bookkeeping().await?;
                mail
            }
            Made::Dropped(why) => return Ok(Outcome::Dropped(why)),
            Made::Failed(error) => return Ok(Outcome::Failed(SendError::Transient(error.to_string()))),
        };
        if matches!(self.mailer, Mailer::Viewer) {
            let mut tx = self.app.db().worker().await?;
            mail_store::insert_demo_mail(&mut tx, &mail, self.now()).await?;
            tx.commit_bookkeeping().await?;
        }
        Ok(match self.mailer.send(&mail).await {
            Ok(()) => Outcome::Sent,
            Err(error) => Outcome::Failed(error),
        })
    }

    /// The mail as things stand now, or why it is not to be sent any more.
    async fn make(&self, tx: &mut Tx, due: &mail_store::DueMail) -> Result<Made, DbError> {
        let address = match (&due.email, &due.name) {
            (Some(email), Some(name)) => (email.as_str(), name.as_str()),
            _ => (due.org_email.as_str(), due.org_name.as_str()),
        };
        let base_url = self.app.base_url();
        let rendered = match (due.order, due.signing) {
            (Some(order), _) => {
                let Some(order) = mail_store::order_facts(tx, order).await? else {
                    return Ok(Made::Dropped("the order is gone"));
                };
                if due.code == "N-160" && order.revision != due.seq {
                    return Ok(Made::Dropped("the order has moved on"));
                }
                let catalogue = self.app.catalogue().await?;
                render::order(&catalogue, base_url, (due, &order), address)
            }
            (None, Some(signing)) => {
                let Some(signing) = agreements::store::find_by_id(tx, signing).await? else {
                    return Ok(Made::Dropped("the agreement is gone"));
                };
                if agreements::mails::asks_to_sign(&due.code) {
                    let named = agreements::store::signatories(tx, signing.id).await?;
                    let waits =
                        named.iter().any(|who| Some(who.id) == due.signatory && who.signed_at.is_none());
                    if !waits || !signing.is_open_at(self.now()) {
                        return Ok(Made::Dropped("nothing is left to sign"));
                    }
                }
                let link = due.signatory.map(|id| self.app.keys().link(&agreements::actions::link_of(id)));
                render::signing(base_url, (due, &signing), link.as_ref(), address)
            }
            (None, None) => match self.made_of(tx, due).await? {
                Ok(made) => render::contact(base_url, (due, made.words, made.because), &made.path, address),
                Err(why) => return Ok(Made::Dropped(why)),
            },
        };
        Ok(rendered.map_or_else(Made::Failed, Made::Mail))
    }

    async fn is_still_told(&self, tx: &mut Tx, part: &mail_store::DueMail) -> Result<bool, DbError> {
        let cause = match part.notification {
            Some(id) => store::cause(tx, id).await?,
            None => None,
        };
        let Some(cause) = cause else { return Ok(false) };
        let told = expand::told(tx, &self.app, &cause).await?;
        Ok(told.iter().any(|told| told.code == part.code && told.to.membership == part.membership))
    }

    /// A digest of mails, of what still holds.
    async fn digest(
        &self,
        tx: &mut Tx,
        due: &mail_store::DueMail,
        parts: &[mail_store::DueMail],
    ) -> Result<Made, DbError> {
        let (Some(email), Some(name)) = (&due.email, &due.name) else {
            return Ok(Made::Dropped("the person is gone"));
        };
        let catalogue = self.app.catalogue().await?;
        let base_url = self.app.base_url();
        let (mut told, mut dropped) = (digest::Told::default(), Vec::new());
        for part in parts {
            // Roles, permissions and substitutes change until the morning: it is asked again who is to be told.
            if !self.is_still_told(tx, part).await? {
                dropped.push((part.id, "somebody else's by now"));
                continue;
            }
            let added = match part.order {
                Some(order) => match mail_store::order_facts(tx, order).await? {
                    Some(facts) => told.add_order(&catalogue, base_url, part, &facts),
                    None => Err("the order is gone"),
                },
                None => self.made_of(tx, part).await?.map(|made| told.add(base_url, part, made)),
            };
            if let Err(why) = added {
                dropped.push((part.id, why));
            }
        }
        if told.is_empty() {
            return Ok(Made::Dropped("nothing of it holds any more"));
        }
        Ok(match render::digest(base_url, due, told, (email, name)) {
            Ok(mail) => Made::Without(mail, dropped),
            Err(error) => Made::Failed(error),
        })
    }

    /// What a mail about neither an order nor an agreement is made of.
    async fn made_of(
        &self,
        tx: &mut Tx,
        due: &mail_store::DueMail,
    ) -> Result<Result<expand_contacts::MadeOf, &'static str>, DbError> {
        match due.mandate {
            Some(id) => {
                let catalogue = self.app.catalogue().await?;
                expand_mandates::made_of(tx, (&catalogue, due), id).await
            }
            None => expand_contacts::made_of(tx, self.app.keys(), due, self.now()).await,
        }
    }

    /// 1, 2, 4 … minutes; `None` after the last try.
    fn retry(&self, attempts: i32) -> Option<OffsetDateTime> {
        (attempts < TRIES)
            .then(|| self.now() + time::Duration::minutes(1 << attempts.clamp(1, 10).saturating_sub(1)))
    }

    async fn pause(&self) -> Duration {
        let next = async {
            let mut tx = self.app.db().worker().await?;
            let next = store::next_due(&mut tx).await?;
            tx.end().await?;
            Ok::<_, DbError>(next)
        };
        match next.await {
            Ok(Some(due)) => (due - self.now())
                .try_into()
                .unwrap_or(Duration::ZERO)
                .clamp(Duration::from_millis(20), Duration::from_secs(5)),
            _ => Duration::from_secs(5),
        }
    }
}

enum Outcome {
    Sent,
    Dropped(&'static str),
    Failed(SendError),
}

/// What became of a mail on its way to be sent.
enum Made {
    Mail(Outgoing),
    /// A digest, and which of its mails it leaves out.
    Without(Outgoing, Vec<(uuid::Uuid, &'static str)>),
    Dropped(&'static str),
    Failed(AppError),
}

/// Works until told to stop, woken by the database and at least every five seconds.
pub async fn run(worker: Worker, stop: CancellationToken) {
    let mut listener = None;
    let mut scheduled = std::time::Instant::now();
    loop {
        if let Err(error) = worker.run_until_idle().await {
            tracing::warn!(%error, "worker");
        }
        if scheduled.elapsed() > Duration::from_mins(1) {
            scheduled = std::time::Instant::now();
            if let Err(error) = worker.run_schedule().await {
                tracing::warn!(%error, "schedule");
            }
        }
        if listener.is_none() {
            listener = worker.app.db().listener("outbox").await.ok();
        }
        let woken = async {
            match &mut listener {
                Some(listener) => listener.recv().await.is_ok(),
                None => std::future::pending().await,
            }
        };
        let pause = worker.pause().await;
        tokio::select! {
            () = stop.cancelled() => return,
            alive = woken => if !alive { listener = None },
            () = tokio::time::sleep(pause) => {}
        }
    }
}
