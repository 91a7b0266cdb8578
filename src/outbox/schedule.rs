//! Reminders on days 3, 7, 14 and 30 of a wait, of an order or an application for an agentuppdrag, and the lapse of orders after
//! 60 (portal.md 2.7 row 11); reminders to signatories on
//! days 3, 7 and 14, and the end of their links after 30 (portal.md 2.2 and 2.3); accounts that nobody uses.

use time::Duration;

use super::{contact_store, mail_store, schedule_store};
use crate::{
    agreements,
    app::App,
    applications,
    audit::Audit,
    calendar::{local, working_day_of},
    contacts,
    db::DbError,
    identity::Side,
    orders::{actions, order_queries},
};

const REMINDERS: [i64; 4] = [3, 7, 14, 30];
/// Digests that are gathered in one transaction.
const DIGESTS: i64 = 200;
const LAPSES_AFTER: i64 = 60;
const SIGNING_REMINDERS: [i64; 3] = [3, 7, 14];

/// Everything that has come due; only one worker at a time.
pub(super) async fn run(app: &App) -> Result<(), DbError> {
    let now = app.clock().now();
    let mut tx = app.db().worker().await?;
    if !schedule_store::lead(&mut tx).await? {
        return tx.end().await;
    }
    for day in REMINDERS {
        // A wait that was reminded of a later day needs no earlier reminder: each day has its own window.
        let later = REMINDERS.into_iter().find(|next| *next > day).unwrap_or(LAPSES_AFTER);
        let waits =
            schedule_store::waiting(&mut tx, now - Duration::days(later), now - Duration::days(day)).await?;
        for wait in waits {
            schedule_store::insert_reminder(&mut tx, &wait, day, working_day_of(local(now).date), now)
                .await?;
        }
        let window = (now - Duration::days(later), now - Duration::days(day));
        schedule_store::insert_mandate_reminders(&mut tx, window, day, now).await?;
    }
    for day in SIGNING_REMINDERS {
        let later =
            SIGNING_REMINDERS.into_iter().find(|next| *next > day).unwrap_or(agreements::actions::LINK_DAYS);
        let from = now - Duration::days(later);
        for wait in schedule_store::waiting_signings(&mut tx, from, now - Duration::days(day)).await? {
            schedule_store::insert_signing_reminder(&mut tx, &wait, day, now).await?;
        }
    }
    contact_store::insert_expired_invitations(&mut tx, now).await?;
    let purged = schedule_store::purge(&mut tx).await?;
    if purged > 0 {
        tracing::info!(purged, "old sessions and counters removed");
    }
    tx.commit_bookkeeping().await?;
    expire_signings(app).await?;
    expire_roles(app).await?;
    digests(app).await?;
    applications(app).await?;
    unused(app).await?;
    forget(app).await?;
    lapse(app).await
}

/// The day's digests of mails, some at a time: a crowd at seven is no single statement.
async fn digests(app: &App) -> Result<(), DbError> {
    loop {
        let mut tx = app.db().worker().await?;
        // Two leaders would make two digests for a place: the lead is held while it is gathered.
        if !schedule_store::lead(&mut tx).await? {
            return tx.end().await;
        }
        let digests = mail_store::gather_digests(&mut tx, DIGESTS, app.clock().now()).await?;
        tx.commit_bookkeeping().await?;
        if digests > 0 {
            tracing::info!(digests, "digests of mails gathered");
        }
        if digests < DIGESTS {
            return Ok(());
        }
    }
}

/// Roles whose last day has passed hold no longer since then; now they are taken away, and their holders told.
async fn expire_roles(app: &App) -> Result<(), DbError> {
    let now = app.clock().now();
    let today = app.clock().today();
    let mut tx = app.db().worker().await?;
    let passed = contact_store::with_passed_roles(&mut tx, today).await?;
    tx.end().await?;
    for (org, member) in passed {
        let mut tx = app.db().worker().await?;
        let found = contacts::queries::contacts(&mut tx, org, Some(member), today).await?;
        let Some(contact) = found.into_iter().next() else {
            tx.end().await?;
            continue;
        };
        match contacts::actions::expire(&mut tx, org, &contact, now).await {
            Ok(audit) => tx.commit(audit).await?,
            Err(why) => {
                tracing::warn!(member = %member, %why, "a role has not been taken away");
                tx.end().await?;
            }
        }
    }
    Ok(())
}

/// Applications whose agreement is signed, or whose time is up; and forms that nobody sent.
async fn applications(app: &App) -> Result<(), DbError> {
    let now = app.clock().now();
    let mut tx = app.db().worker().await?;
    let signed = applications::queries::signed(&mut tx, now).await?;
    let lapsed = applications::queries::lapsed(&mut tx, now).await?;
    applications::queries::erase(&mut tx, now).await?;
    tx.commit_bookkeeping().await?;
    for id in signed {
        let mut tx = app.db().worker().await?;
        match applications::actions::finish(&mut tx, app.keys(), id, now).await {
            Ok(Some(audit)) => tx.commit(audit).await?,
            Ok(None) => tx.end().await?,
            Err(error) => {
                tracing::warn!(application = %id, %error, "the first people have not been invited");
                tx.end().await?;
            }
        }
    }
    for (id, revision) in lapsed {
        let mut tx = app.db().worker().await?;
        match applications::actions::lapse(&mut tx, (id, revision), now).await {
            Ok(audit) => tx.commit(audit).await?,
            Err(error) => {
                tracing::warn!(application = %id, %error, "an application has not lapsed");
                tx.end().await?;
            }
        }
    }
    Ok(())
}

/// Accounts that nobody has used for eleven months are warned of, and blocked after twelve (portal.md 2.1 row 6).
async fn unused(app: &App) -> Result<(), DbError> {
    let now = app.clock().now();
    let mut tx = app.db().worker().await?;
    let people = schedule_store::unused(&mut tx, now).await?;
    tx.end().await?;
    for person in people {
        let mut tx = app.db().worker().await?;
        match schedule_store::act_on_unused(&mut tx, person, now).await {
            Ok(Some(done)) => {
                let action = if done == "blocked" { "account.unused" } else { "account.warn" };
                tx.commit(Audit::own(Side::System, action, format!("person:{person}"), "unused".to_owned()))
                    .await?;
            }
            Ok(None) => tx.end().await?,
            Err(error) => {
                tracing::warn!(%person, %error, "an unused account has not been seen to");
                tx.end().await?;
            }
        }
    }
    Ok(())
}

/// People without a place anywhere for two years are nobody's contacts any more: what is known of them is erased.
async fn forget(app: &App) -> Result<(), DbError> {
    let now = app.clock().now();
    let mut tx = app.db().worker().await?;
    let people = schedule_store::to_forget(&mut tx, now).await?;
    tx.end().await?;
    for person in people {
        let mut tx = app.db().worker().await?;
        match schedule_store::forget(&mut tx, person, now).await {
            Ok(true) => {
                let object = format!("person:{person}");
                tx.commit(Audit::own(Side::System, "person.forget", object, String::new())).await?;
            }
            Ok(false) => tx.end().await?,
            Err(error) => {
                tracing::warn!(%person, %error, "somebody has not been forgotten");
                tx.end().await?;
            }
        }
    }
    Ok(())
}

/// Each in a transaction of its own, as for lapses.
async fn expire_signings(app: &App) -> Result<(), DbError> {
    let now = app.clock().now();
    let mut tx = app.db().worker().await?;
    let expired = schedule_store::expired_signings(&mut tx, now).await?;
    tx.end().await?;
    for id in expired {
        let mut tx = app.db().worker().await?;
        let Some(signing) = agreements::store::find_by_id(&mut tx, id).await? else {
            tx.end().await?;
            continue;
        };
        match agreements::actions::expire(&mut tx, &signing, now).await {
            Ok(audit) => tx.commit(audit).await?,
            Err(agreements::actions::Refused::Db(error)) => {
                tracing::warn!(number = signing.number, %error, "expire");
                tx.end().await?;
            }
            Err(why) => {
                tracing::info!(number = signing.number, %why, "not expired");
                tx.end().await?;
            }
        }
    }
    Ok(())
}

/// Each lapse is a transaction of its own: one that is decided at the same moment does not hold up the others.
async fn lapse(app: &App) -> Result<(), DbError> {
    let now = app.clock().now();
    let mut tx = app.db().worker().await?;
    let long_ago = now - Duration::days(36_500);
    let waits = schedule_store::waiting(&mut tx, long_ago, now - Duration::days(LAPSES_AFTER)).await?;
    tx.end().await?;
    for wait in waits {
        let mut tx = app.db().worker().await?;
        let Some(order) = order_queries::find(&mut tx, &wait.number).await? else {
            tx.end().await?;
            continue;
        };
        match actions::lapse(&mut tx, &order, now).await {
            Ok(audit) => tx.commit(audit).await?,
            Err(actions::Refused::Db(error)) => {
                tracing::warn!(number = wait.number, %error, "lapse");
                tx.end().await?;
            }
            Err(why) => {
                tracing::info!(number = wait.number, since = %wait.state_since, %why, "not lapsed");
                tx.end().await?;
            }
        }
    }
    Ok(())
}
