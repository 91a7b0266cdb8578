//! The secret that an authenticator app and the portal share, and its codes (RFC 6238).

use fast_qr::QRBuilder;
use time::OffsetDateTime;
use totp_rs::{Builder, Secret, Totp};

use crate::{
    ids::PersonId,
    keys::{KeyError, Keys},
    text::{hex, unhex},
};

/// Seconds a form may wait for the app to be found and set up.
const WAIT: i64 = 1_800;

/// What the secret is sealed for while it is in the form.
fn place(person: PersonId) -> String {
    format!("new app:{person}")
}

/// An authenticator app's secret, 160 bits in base32.
pub struct AppSecret(String);

impl AppSecret {
    /// A new one.
    pub fn fresh() -> Self {
        Self(Secret::generate().to_base32())
    }

    /// One that has been kept.
    pub(super) fn of(text: String) -> Self {
        Self(text)
    }

    /// For the seal that keeps it.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// For the form that shows it, until a code proves that the app has it.
    pub fn sealed(&self, keys: &Keys, person: PersonId, at: OffsetDateTime) -> Result<String, KeyError> {
        Ok(hex(&keys.seal(&place(person), &format!("{} {}", at.unix_timestamp(), self.0))?))
    }

    /// From that form; `None` when it is another's, too old or not ours.
    pub fn opened(keys: &Keys, person: PersonId, sealed: &str, now: OffsetDateTime) -> Option<Self> {
        let text = keys.open(&place(person), &unhex(sealed)?).ok()?;
        let (at, secret) = text.split_once(' ')?;
        let age = now.unix_timestamp() - at.parse::<i64>().ok()?;
        (0..=WAIT).contains(&age).then(|| Self(secret.to_owned()))
    }

    /// In groups of four, to type.
    pub fn groups(&self) -> Vec<&str> {
        let cut = |start: usize| self.0.get(start..(start + 4).min(self.0.len()));
        (0..self.0.len()).step_by(4).filter_map(cut).collect()
    }

    /// The squares of the QR code as an SVG path, and how many there are on a side.
    pub fn qr(&self, account: &str) -> Option<(String, usize)> {
        use std::fmt::Write as _;
        let code = QRBuilder::new(self.totp(account)?.to_url().ok()?).build().ok()?;
        let mut path = String::new();
        for (y, row) in code.data.chunks(code.size).take(code.size).enumerate() {
            for (x, _) in row.iter().enumerate().filter(|(_, module)| module.value()) {
                let _ = write!(path, "M{x} {y}h1v1h-1z");
            }
        }
        Some((path, code.size))
    }

    /// The half minute whose code was typed, when it is near this moment.
    pub fn step_of(&self, typed: &str, at: OffsetDateTime) -> Option<i64> {
        let digits: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
        let now = u64::try_from(at.unix_timestamp()).ok()?;
        self.totp("konto")?.check(&digits, now).and_then(|step| i64::try_from(step).ok())
    }

    fn totp(&self, account: &str) -> Option<Totp> {
        let secret = Secret::try_from_base32(&self.0).ok()?;
        let account = account.replace(':', " ");
        Builder::new()
            .with_secret(secret)
            .with_account_name(account)
            .with_issuer(Some("Kundportalen"))
            .build()
            .ok()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests say what they expect")]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_of_its_half_minute_or_a_neighbour() {
        let secret = AppSecret::fresh();
        let at = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        let code = secret.totp("x").unwrap().generate(1_800_000_000).to_string();
        let step = 1_800_000_000 / 30;
        for (seconds, found) in
            [(-31, None), (-30, Some(step)), (0, Some(step)), (59, Some(step)), (60, None)]
        {
            assert_eq!(secret.step_of(&code, at + time::Duration::seconds(seconds)), found, "{seconds}");
        }
        let spaced = format!(" {} {} ", code.get(..3).unwrap(), code.get(3..).unwrap());
        assert_eq!(secret.step_of(&spaced, at), Some(step));
        for wrong in ["", "12345", "abcdef", "1234567"] {
            assert_eq!(secret.step_of(wrong, at), None, "{wrong}");
        }
    }

    #[test]
    fn the_qr_code_is_square_and_the_secret_is_typed_in_fours() {
        let secret = AppSecret::fresh();
        assert_eq!(secret.groups().concat(), secret.0);
        assert_eq!(secret.groups().len(), 8);
        let (path, side) = secret.qr("karin@lindangen.example").unwrap();
        assert!(side >= 29 && path.starts_with("M0 0h1v1h-1z"));
    }
}
