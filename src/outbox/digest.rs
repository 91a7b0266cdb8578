//! The day's digest of mails for somebody who has chosen so (portal.md 2.99): by matter, what waits for the reader first. What has
//! been done since is left out.

use time::Date;
use uuid::Uuid;

use super::{
    expand_contacts::MadeOf,
    mail_store::{DueMail, OrderFacts},
};
use crate::{calendar::long_date, catalogue::Catalogue, orders::mails};

/// The digest's own number in the catalogue; ours.
pub(super) const CODE: &str = "N-197";

/// Matters of each kind that are written out; a mail with hundreds is no help.
const MOST: usize = 50;

/// One matter, with everything that has happened to it.
#[derive(Debug)]
pub(super) struct Matter {
    of: Option<Uuid>,
    pub title: String,
    pub lines: Vec<String>,
    due: Option<Date>,
    pub href: String,
    waits: bool,
}

/// A line, whether it asks its reader to do something, and the last day for that.
type Said = (String, bool, Option<Date>);

/// What a digest tells.
#[derive(Debug, Default)]
pub(super) struct Told {
    matters: Vec<Matter>,
}

/// Matters of one kind: those written out, and how many there are besides.
pub(super) type Shown = (Vec<Matter>, usize);

impl Told {
    pub(super) fn is_empty(&self) -> bool {
        self.matters.is_empty()
    }

    /// Adds a mail about an order, or says why it is left out.
    pub(super) fn add_order(
        &mut self,
        catalogue: &Catalogue,
        base_url: &str,
        part: &DueMail,
        order: &OrderFacts,
    ) -> Result<(), &'static str> {
        let asks = mails::asks(&part.code);
        if asks && order.revision != part.seq {
            return Err("the order has moved on");
        }
        let service = catalogue.name(&order.service_code);
        let words = mails::words(&part.code, service, &order.customer_name, &order.agent_name);
        let named = || {
            let title = format!("{} {service} – {}", order.number, order.customer_name);
            (title, format!("{base_url}/arende/{}", order.number))
        };
        let due = order.due_on.filter(|_| asks && mails::has_last_day(&part.code));
        self.tell(part.order.map(|id| id.0), named, (words.says, asks, due));
        Ok(())
    }

    /// Adds a mail about something else.
    pub(super) fn add(&mut self, base_url: &str, part: &DueMail, made: MadeOf) {
        // These are left out once they have been seen to, so what is there waits.
        let asks = matches!(part.code.as_str(), "N-35" | "N-40" | "N-80" | "N-128" | "N-160" | "N-193");
        let MadeOf { words, path, .. } = made;
        let named = || (words.subject, format!("{base_url}{path}"));
        self.tell(part.mandate.or(part.application), named, (words.says, asks, None));
    }

    /// Tells something of a matter; a request is one by itself.
    fn tell(&mut self, of: Option<Uuid>, named: impl FnOnce() -> (String, String), said: Said) {
        let known = self.matters.iter_mut().find(|matter| of.is_some() && matter.of == of);
        if let Some(matter) = known {
            return matter.say(said);
        }
        let (title, href) = named();
        let mut matter = Matter { of, title, lines: Vec::new(), due: None, href, waits: false };
        matter.say(said);
        self.matters.push(matter);
    }

    /// What waits for the reader, the most urgent first, and what has happened besides.
    pub(super) fn by_kind(self) -> (Shown, Shown) {
        let (mut waiting, rest): (Vec<_>, Vec<_>) = self.matters.into_iter().partition(|matter| matter.waits);
        waiting.sort_by_key(|matter| (matter.due.is_none(), matter.due));
        (cut(waiting), cut(rest))
    }
}

impl Matter {
    pub(super) fn last_day(&self) -> Option<String> {
        self.due.map(long_date)
    }

    fn say(&mut self, (line, asks, due): Said) {
        self.due = self.due.or(due);
        // A reminder of what the digest asks for already says nothing new.
        if asks && self.waits {
            return;
        }
        self.waits |= asks;
        if asks {
            self.lines.insert(0, line);
        } else if !self.lines.contains(&line) {
            self.lines.push(line);
        }
    }
}

fn cut(mut matters: Vec<Matter>) -> Shown {
    let more = matters.len().saturating_sub(MOST);
    matters.truncate(MOST);
    (matters, more)
}

/// "Ett ärende väntar på dig, 3 har ändrats".
pub(super) fn headline(waiting: usize, rest: usize) -> String {
    let matters =
        |count: usize| if count == 1 { "Ett ärende".to_owned() } else { format!("{count} ärenden") };
    match (waiting, rest) {
        (0, _) => format!("{} har ändrats", matters(rest)),
        (_, 0) => format!("{} väntar på dig", matters(waiting)),
        (_, 1) => format!("{} väntar på dig, ett har ändrats", matters(waiting)),
        _ => format!("{} väntar på dig, {rest} har ändrats", matters(waiting)),
    }
}
