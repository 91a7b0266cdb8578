//! The day's digest of mails for somebody who has chosen so (portal.md 2.99): by matter, what waits for the reader first. What has
//! been done since is left out.

use time::Date;
use uuid::Uuid;

use super::{
    expand_contacts::MadeOf,
    mail_store::{DueMail, OrderFacts},
};
use crate::{calendar::long_date, catalogue::Catalogue, mandates, orders::mails};

/// The digest's own number in the catalogue; ours.
pub(super) const CODE: &str = "N-197";

const REMINDER: &str = "N-160";

/// Matters of each kind that are written out; a mail with hundreds is no help.
const MOST: usize = 50;

/// One matter, with what it asks for, how far it has come, and whether there is a new message.
#[derive(Debug)]
pub(super) struct Matter {
    of: Option<Uuid>,
    pub title: String,
    pub href: String,
    asks: Option<String>,
    progress: Option<String>,
    message: Option<String>,
    due: Option<Date>,
}

/// What is said of a matter.
enum Said {
    /// It waits for the reader, perhaps with a last day.
    Asks(String, Option<Date>),
    /// It still waits, which says nothing new of what the digest asks for already.
    Reminds(String, Option<Date>),
    /// It has come so far; what comes later goes before.
    Progress(String),
    /// There is a new message.
    Message(String),
}

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
        let waits = order.revision == part.seq;
        if mails::has_last_day(&part.code) && !waits {
            return Err("the order has moved on");
        }
        let service = catalogue.name(&order.service_code);
        let says = mails::words(&part.code, service, &order.customer_name, &order.agent_name).says;
        let said = if mails::ASKS.contains(&part.code.as_str()) && waits {
            let due = order.due_on.filter(|_| mails::has_last_day(&part.code));
            if part.code == REMINDER { Said::Reminds(says, due) } else { Said::Asks(says, due) }
        } else if part.code == "N-170" {
            Said::Message(says)
        } else {
            Said::Progress(says)
        };
        let title = format!("{} {service} – {}", order.number, order.customer_name);
        self.tell(part.order.map(|id| id.0), (title, format!("{base_url}/arende/{}", order.number)), said);
        Ok(())
    }

    /// Adds a mail about something else.
    pub(super) fn add(&mut self, base_url: &str, part: &DueMail, made: MadeOf) {
        let MadeOf { words, path, .. } = made;
        // These are left out once they have been seen to, so what is there waits.
        let asks = |code| match part.mandate {
            Some(_) => mandates::mails::ASKS.contains(&code),
            None => ["N-12", "N-35", "N-128", "N-190"].contains(&code),
        };
        let said = if part.code == REMINDER {
            Said::Reminds(words.says, None)
        } else if asks(part.code.as_str()) {
            Said::Asks(words.says, None)
        } else {
            Said::Progress(words.says)
        };
        self.tell(part.mandate.or(part.application), (words.subject, format!("{base_url}{path}")), said);
    }

    /// Tells something of a matter; a request is one by itself. What asks for something gives the matter its title, else the newest.
    fn tell(&mut self, of: Option<Uuid>, (title, href): (String, String), said: Said) {
        let known = self.matters.iter_mut().find(|matter| of.is_some() && matter.of == of);
        if let Some(matter) = known {
            if matches!(said, Said::Asks(..)) || matter.asks.is_none() {
                (matter.title, matter.href) = (title, href);
            }
            return matter.say(said);
        }
        let mut matter = Matter { of, title, href, asks: None, progress: None, message: None, due: None };
        matter.say(said);
        self.matters.push(matter);
    }

    /// What waits for the reader, the most urgent first, and what has happened besides.
    pub(super) fn by_kind(self) -> (Shown, Shown) {
        let (mut waiting, rest): (Vec<_>, Vec<_>) =
            self.matters.into_iter().partition(|matter| matter.asks.is_some());
        waiting.sort_by_key(|matter| (matter.due.is_none(), matter.due));
        (cut(waiting), cut(rest))
    }
}

impl Matter {
    pub(super) fn last_day(&self) -> Option<String> {
        self.due.map(long_date)
    }

    /// What it asks for first.
    pub(super) fn lines(&self) -> impl Iterator<Item = &String> {
        [&self.asks, &self.progress, &self.message].into_iter().flatten()
    }

    fn say(&mut self, said: Said) {
        match said {
            Said::Asks(line, due) => {
                self.due = self.due.or(due);
                self.asks = Some(line);
            }
            Said::Reminds(line, due) => {
                self.due = self.due.or(due);
                self.asks.get_or_insert(line);
            }
            Said::Progress(line) => self.progress = Some(line),
            Said::Message(line) => self.message = Some(line),
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

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    fn told(asks: &[Option<Date>], others: usize) -> Told {
        let mut told = Told::default();
        for (place, due) in asks.iter().enumerate() {
            told.tell(None, (format!("asks {place}"), String::new()), Said::Asks("do".to_owned(), *due));
        }
        for _ in 0..others {
            told.tell(None, ("happened".to_owned(), String::new()), Said::Progress("done".to_owned()));
        }
        told
    }

    #[test]
    fn the_most_urgent_comes_first_and_hundreds_are_counted() {
        let days = [None, Some(date!(2026 - 12 - 01)), Some(date!(2026 - 11 - 30))];
        let ((waiting, more), (rest, left)) = told(&days, 53).by_kind();
        let titles: Vec<_> = waiting.iter().map(|matter| matter.title.as_str()).collect();
        assert_eq!((titles, more), (vec!["asks 2", "asks 1", "asks 0"], 0));
        assert_eq!((rest.len(), left), (MOST, 3));
    }

    #[test]
    fn the_newest_progress_is_told_after_what_is_asked_for() {
        let mut told = Told::default();
        let of = Some(Uuid::nil());
        for said in [
            Said::Progress("first".to_owned()),
            Said::Message("a message".to_owned()),
            Said::Asks("your turn".to_owned(), None),
            Said::Progress("second".to_owned()),
            Said::Reminds("a reminder".to_owned(), None),
        ] {
            told.tell(of, ("it".to_owned(), String::new()), said);
        }
        let ((waiting, _), (rest, _)) = told.by_kind();
        assert!(rest.is_empty());
        let lines: Vec<_> = waiting.iter().flat_map(Matter::lines).collect();
        assert_eq!(lines, ["your turn", "second", "a message"]);
    }

    #[test]
    fn the_headline_counts_in_words_that_fit() {
        assert_eq!(headline(1, 0), "Ett ärende väntar på dig");
        assert_eq!(headline(0, 1), "Ett ärende har ändrats");
        assert_eq!(headline(2, 1), "2 ärenden väntar på dig, ett har ändrats");
        assert_eq!(headline(2, 4), "2 ärenden väntar på dig, 4 har ändrats");
    }
}
