//! Forms that come back: every error at once, beside its field and in a summary with links (architecture.md §3.7).

use axum::http::StatusCode;

/// One thing to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The id of the control it is about.
    pub field: String,
    /// What to do, in Swedish.
    pub message: String,
}

/// All things to mend on a page, in the order of its fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Errors {
    list: Vec<FieldError>,
    /// A draft being put away: what is not filled in yet is no error.
    unfinished: bool,
}

impl Errors {
    /// No errors.
    pub fn none() -> Self {
        Self::default()
    }

    /// For a form that may be saved half filled in: only what is there must be right.
    pub fn of_draft(unfinished: bool) -> Self {
        Self { unfinished, ..Self::default() }
    }

    /// Adds that `field` is not filled in, unless the form may be left unfinished.
    pub fn lack(&mut self, field: &str, message: impl Into<String>) {
        if !self.unfinished {
            self.add(field, message);
        }
    }

    /// One error, for rules that only the database can judge.
    pub fn one(field: &str, message: impl Into<String>) -> Self {
        let mut errors = Self::default();
        errors.add(field, message);
        errors
    }

    /// Adds an error about the control `field`.
    pub fn add(&mut self, field: &str, message: impl Into<String>) {
        self.list.push(FieldError { field: field.to_owned(), message: message.into() });
    }

    /// Keeps the value or adds the error.
    pub fn take<T, E: std::fmt::Display>(&mut self, field: &str, parsed: Result<T, E>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(field, error.to_string());
                None
            }
        }
    }

    /// Is there nothing to mend?
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What a page with them is answered with: 200, or 422 when there is something to mend.
    pub fn status(&self) -> StatusCode {
        if self.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
    }

    /// What the title of a page with them begins with.
    pub fn title_prefix(&self) -> &'static str {
        if self.is_empty() { "" } else { "Fel: " }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// "Det finns 2 fel på sidan".
    pub fn heading(&self) -> String {
        format!("Det finns {} fel på sidan", self.list.len())
    }

    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, FieldError> {
        self.list.iter()
    }

    /// Is there an error about any control whose id starts so?
    pub fn has_prefix(&self, start: &str) -> bool {
        self.list.iter().any(|error| error.field.starts_with(start))
    }

    /// The message of the first control whose id starts so.
    pub fn of_prefix(&self, start: &str) -> Option<&str> {
        self.list.iter().find(|error| error.field.starts_with(start)).map(|error| error.message.as_str())
    }

    /// The message for one control.
    pub fn of(&self, field: &str) -> Option<&str> {
        self.list.iter().find(|error| error.field == field).map(|error| error.message.as_str())
    }
}

impl<'a> IntoIterator for &'a Errors {
    type Item = &'a FieldError;
    type IntoIter = std::slice::Iter<'a, FieldError>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One choice of a list.
#[derive(Clone, Debug)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is read.
    pub label: String,
    /// Is it the chosen one?
    pub selected: bool,
}

impl Choice {
    /// A choice, chosen when `value` is the current one.
    pub fn new(value: impl Into<String>, label: impl Into<String>, current: &str) -> Self {
        let value = value.into();
        Self { selected: value == current, value, label: label.into() }
    }
}

/// Cleans a single line: trimmed, at most `longest` characters, no control characters.
pub fn line(text: &str, longest: usize) -> Result<String, String> {
    let text = text.trim();
    if text.chars().count() > longest {
        return Err(format!("Skriv högst {longest} tecken"));
    }
    if !crate::text::is_single_line(text) {
        return Err("Skriv på en rad, utan radbrytningar".to_owned());
    }
    Ok(text.to_owned())
}

/// Cleans free text of several lines: line ends as `\n`, no other control characters.
pub fn paragraph(text: &str, longest: usize) -> Result<String, String> {
    let text = text.replace("\r\n", "\n");
    let text = text.trim();
    if text.chars().count() > longest {
        return Err(format!("Skriv högst {longest} tecken. Texten har {}", text.chars().count()));
    }
    if text.chars().any(|c| (c.is_control() && c != '\n' && c != '\t') || crate::text::turns(c)) {
        return Err("Ta bort de tecken som inte går att visa".to_owned());
    }
    Ok(text.to_owned())
}

/// A line or a paragraph that holds no personal number.
pub fn impersonal(text: Result<String, String>) -> Result<String, String> {
    let text = text?;
    if crate::text::has_personal_number(&text) {
        return Err("Texten innehåller något som ser ut som ett personnummer. Ta bort det".to_owned());
    }
    Ok(text)
}

/// Reads a person's name: Latin letters with the usual signs between them. It stands under decisions and in mails, so nothing
/// that looks like an address, and no letter that only looks like another.
pub fn person_name(text: &str) -> Result<String, String> {
    let name = impersonal(line(text, 120))?;
    if name.is_empty() {
        return Err("Skriv för- och efternamn".to_owned());
    }
    let latin =
        |c: char| c.is_ascii_alphabetic() || matches!(c, '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}');
    // A full stop ends a word: "Anna E. Ek", never "www.exempel.se".
    let dotted = name.split('.').skip(1).any(|rest| rest.starts_with(|c: char| c.is_alphanumeric()));
    if dotted || !name.chars().all(|c| latin(c) || " -'’.,()".contains(c)) {
        return Err("Skriv bara namnet, med bokstäver".to_owned());
    }
    Ok(name)
}

/// Reads a telephone number as people write it: 5 to 15 digits with the usual signs between them, or nothing.
pub fn phone(text: &str) -> Result<String, String> {
    const WANTED: &str = "Skriv telefonnumret med siffror, till exempel 0771-25 10 10";
    let text = line(text, 40)?;
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let fits = text.chars().all(|c| c.is_ascii_digit() || " +-()".contains(c));
    if text.is_empty() || (fits && (5..=15).contains(&digits)) {
        impersonal(Ok(text))
    } else {
        Err(WANTED.to_owned())
    }
}

/// What is said of a field that two have changed.
pub const STALE_FIELD: &str = "Någon annan har ändrat fältet sedan du öppnade sidan.";

/// Which fields have been typed over: those that differ from what the page was opened with. Of those, one that somebody else
/// has changed meanwhile is a fault that says what it is now.
pub fn typed_over<const N: usize>(
    fields: [&str; N],
    typed: [&str; N],
    (before, now): (&[String], [&str; N]),
    errors: &mut Errors,
) -> [bool; N] {
    let plain = |text: &str| text.replace("\r\n", "\n").trim().to_owned();
    let mut changed = [false; N];
    let rows = fields.into_iter().zip(typed).zip(now).zip(&mut changed);
    for (at, (((field, typed), now), changed)) in rows.enumerate() {
        let typed = plain(typed);
        let before = before.get(at).map_or_else(|| now.to_owned(), |before| plain(before));
        *changed = typed != before && typed != now;
        if *changed && before != now {
            let shown = if now.is_empty() { "tomt" } else { now };
            errors.add(field, format!("{STALE_FIELD} Nu står det: {shown}"));
        }
    }
    changed
}

/// Reads a field that has been typed over and has no fault yet.
pub fn take_changed(
    changed: bool,
    errors: &mut Errors,
    field: &str,
    read: impl FnOnce() -> Result<String, String>,
) -> Option<String> {
    if !changed || errors.of(field).is_some() {
        return None;
    }
    errors.take(field, read())
}

/// A written reason: at least three characters, at most 2 000.
#[derive(Clone, Debug)]
pub struct Motive(String);

impl Motive {
    /// Reads a typed reason.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = paragraph(text, 2_000)?;
        if text.chars().count() < 3 {
            return Err("Skriv en motivering, så att mottagaren förstår varför".to_owned());
        }
        impersonal(Ok(text)).map(Self)
    }

    /// The text.
    pub fn into_text(self) -> String {
        self.0
    }
}
