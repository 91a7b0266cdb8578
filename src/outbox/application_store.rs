//! What the worker reads of applications.

use uuid::Uuid;

use crate::{
    applications::domain::{By, State},
    db::{DbError, Tx},
    ids::PersonId,
};

/// An application as its mails need it, and the event they are about.
#[derive(Debug)]
pub(super) struct Applied {
    pub number: Option<String>,
    pub org: String,
    pub taken_by: Option<PersonId>,
    pub erased: bool,
    pub state: Option<State>,
    pub event: Option<(State, By)>,
}

pub(super) async fn application(tx: &mut Tx, id: Uuid, seq: i32) -> Result<Option<Applied>, DbError> {
    let row = sqlx::query!(
        r#"SELECT a.number, coalesce(a.content ->> 'name', '') AS "org!", a.taken_by AS "taken_by: PersonId", a.erased_at IS NOT NULL AS "erased!", a.state AS "state?: State",
                  e.to_state AS "to?: State", e.moved_by AS "by?: By"
             FROM application a
             LEFT JOIN application_event e ON e.application_id = a.id AND e.seq = $2
            WHERE a.id = $1"#,
        id,
        seq
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Applied {
        number: row.number,
        org: row.org,
        taken_by: row.taken_by,
        erased: row.erased,
        state: row.state,
        event: row.to.zip(row.by),
    }))
}
