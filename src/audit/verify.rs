//! Recomputes every chain outside the database, so that a change made with any tool is found.

use sha2::{Digest, Sha256};
use sqlx::{ConnectOptions, Connection, Executor, postgres::PgConnectOptions};
use uuid::Uuid;

use super::queries::{self, Link};
use crate::{db::DbError, text};

const BATCH: i64 = 5_000;

/// What the check found.
#[derive(Debug)]
pub struct Verdict {
    /// Chains read.
    pub chains: usize,
    /// Entries read.
    pub entries: u64,
    /// One line for each broken place; empty = every entry is as it was written.
    pub faults: Vec<String>,
    /// A digest of all heads, to be kept outside the database: with it a removed chain is found too.
    pub digest: String,
}

/// Reads all chains as the owner and recomputes them.
pub async fn verify(options: &PgConnectOptions) -> Result<Verdict, DbError> {
    let mut connection = options.clone().connect().await?;
    connection.execute("SET ROLE portal_owner").await?;
    let heads = queries::heads(&mut connection).await?;
    let mut verdict = Verdict { chains: heads.len(), entries: 0, faults: Vec::new(), digest: String::new() };
    for orphan in queries::headless(&mut connection).await? {
        verdict.faults.push(format!("chain {orphan}: the head is missing"));
    }
    let mut digest = Sha256::new();
    for (chain, seq, hash) in heads {
        digest.update(chain.as_bytes());
        digest.update(&hash);
        let mut last: (i64, Vec<u8>) = (0, Vec::new());
        loop {
            let links = queries::links(&mut connection, chain, last.0, BATCH).await?;
            if links.is_empty() {
                break;
            }
            for link in links {
                verdict.entries += 1;
                if link.seq != last.0 + 1 || link.previous != last.1 || link.hash != recompute(chain, &link) {
                    verdict
                        .faults
                        .push(format!("chain {chain}: entry {} is not as it was written", link.seq));
                }
                last = (link.seq, link.hash);
            }
        }
        if last != (seq, hash) {
            verdict.faults.push(format!("chain {chain}: ends at entry {} but its head says {seq}", last.0));
        }
    }
    verdict.digest = text::hex(&digest.finalize());
    connection.close().await?;
    Ok(verdict)
}

/// The same text as `audit_text` of `0008_audit.sql`.
fn recompute(chain: Uuid, link: &Link) -> Vec<u8> {
    let id = |id: Option<Uuid>| id.map_or_else(|| "-".to_owned(), |id| id.to_string());
    let text = [
        chain.to_string(),
        link.seq.to_string(),
        link.micros.to_string(),
        link.side.clone(),
        id(link.person_id),
        link.person_name.clone(),
        id(link.org_id),
        link.action.clone(),
        link.object.clone(),
        link.detail.clone(),
    ]
    .join("\n");
    Sha256::new().chain_update(&link.previous).chain_update(text.as_bytes()).finalize().to_vec()
}
