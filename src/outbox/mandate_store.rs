//! What the worker reads of applications for agentuppdrag.

use uuid::Uuid;

use crate::{
    db::{DbError, Tx},
    ids::{MembershipId, OrgId, PersonId},
    mandates::domain::State,
};

/// An application as its mails need it, and the event they are about.
#[derive(Debug)]
pub(super) struct Asked {
    pub number: String,
    pub agent: OrgId,
    pub agent_name: String,
    pub agent_no: i64,
    pub service_code: String,
    pub role: String,
    pub revision: i32,
    pub attestant: Option<MembershipId>,
    pub applied_by: PersonId,
    pub from: Option<State>,
    pub to: State,
}

pub(super) async fn asked(tx: &mut Tx, id: Uuid, seq: i32) -> Result<Option<Asked>, DbError> {
    let asked = sqlx::query_as!(
        Asked,
        r#"SELECT a.number, a.agent_id AS "agent: OrgId", a.agent_name, g.agent_no AS "agent_no!", a.service_code, a.role, a.revision,
                  mandate_attestant(a.agent_id, a.attestant_id) AS "attestant: MembershipId",
                  coalesce(p.merged_into, a.applied_by) AS "applied_by!: PersonId", e.from_state AS "from: State", e.to_state AS "to: State"
             FROM mandate_application a
             JOIN organisation g ON g.id = a.agent_id
             LEFT JOIN person p ON p.id = a.applied_by
             JOIN mandate_application_event e ON e.application_id = a.id AND e.seq = $2
            WHERE a.id = $1"#,
        id,
        seq
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(asked)
}
