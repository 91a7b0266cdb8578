//! Passwords: argon2id with the cost OWASP asks for, in bounded numbers at once.

use std::sync::LazyLock;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::sync::Semaphore;

/// Hashing takes 19 MiB and some 20 ms of a processor: more at once than there are processors would only queue in memory.
static SLOTS: LazyLock<Semaphore> = LazyLock::new(|| {
    let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    Semaphore::new(processors.clamp(2, 4))
});

/// A hash of a password nobody has: an unknown address must take as long as a wrong password.
static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| hash_now("en adress som inte finns").ok());

/// The password could not be hashed: out of memory, or the cost is set wrong.
#[derive(Debug, thiserror::Error)]
#[error("hash a password: {0}")]
pub struct HashError(String);

/// Hashes a password for storage.
pub async fn hash(password: String) -> Result<String, HashError> {
    let _slot = SLOTS.acquire().await.map_err(|error| HashError(error.to_string()))?;
    tokio::task::spawn_blocking(move || hash_now(&password))
        .await
        .map_err(|error| HashError(error.to_string()))?
}

/// Fewest and most characters of a new password (ASVS 6.2.1, 6.2.9).
pub const LENGTH: std::ops::RangeInclusive<usize> = 12..=128;

/// May this be somebody's new password? Judged by length and by how soon it would be guessed, never by which kinds of
/// characters it has; `known` are words about the person that others know too.
///
/// # Errors
/// What to do about it, in Swedish.
pub fn acceptable(typed: &str, known: &[&str]) -> Result<(), &'static str> {
    let length = typed.chars().count();
    if length < *LENGTH.start() {
        return Err("Välj ett lösenord med minst 12 tecken");
    }
    if length > *LENGTH.end() {
        return Err("Välj ett lösenord med högst 128 tecken");
    }
    if typed.contains('\0') {
        return Err("Lösenordet innehåller ett tecken som inte går att använda");
    }
    let parts = known.iter().flat_map(|words| words.split(['@', '.', ' ']));
    let about: Vec<&str> = parts.chain(known.iter().copied()).collect();
    if zxcvbn::zxcvbn(typed, &about).score() < zxcvbn::Score::Three {
        return Err("Lösenordet är för lätt att gissa. Sätt hellre ihop några ord som inte hör ihop");
    }
    Ok(())
}

/// Does the password fit? `None` for the hash costs the same time and is always no.
pub async fn verify(password: String, stored: Option<String>) -> Result<bool, HashError> {
    let _slot = SLOTS.acquire().await.map_err(|error| HashError(error.to_string()))?;
    tokio::task::spawn_blocking(move || {
        let known = stored.is_some();
        let Some(stored) = stored.or_else(|| NOBODY.clone()) else { return false };
        let fits = PasswordHash::new(&stored).is_ok_and(|parsed| {
            hasher().is_ok_and(|argon| argon.verify_password(password.as_bytes(), &parsed).is_ok())
        });
        fits && known
    })
    .await
    .map_err(|error| HashError(error.to_string()))
}

/// OWASP's Password Storage cheat sheet: m = 19 MiB, t = 2, p = 1.
const MEMORY_KIB: u32 = 19 * 1024;
const ROUNDS: u32 = 2;

/// Was it hashed in another way, or at a lower cost, than a password is today?
pub(super) fn is_outdated(stored: &str) -> bool {
    let Ok(parsed) = PasswordHash::new(stored) else { return true };
    let cost = |name: &str| parsed.params.get_decimal(name).unwrap_or(0);
    parsed.algorithm.as_str() != Algorithm::Argon2id.as_str() || cost("m") < MEMORY_KIB || cost("t") < ROUNDS
}

fn hasher() -> Result<Argon2<'static>, HashError> {
    let params = Params::new(MEMORY_KIB, ROUNDS, 1, None).map_err(|error| HashError(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash_now(password: &str) -> Result<String, HashError> {
    let hash = hasher()?.hash_password(password.as_bytes()).map_err(|error| HashError(error.to_string()))?;
    Ok(hash.to_string())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn a_new_password_is_long_and_not_easily_guessed_whatever_it_is_made_of() {
        let known = ["Karin Ålund", "karin@lindangen.example"];
        for good in
            ["sommarregn i Kiruna", "tre blå hästar dansar", "åäö åäö fyrtorn lampa", "qz7-rm4-kd9-wx2"]
        {
            assert_eq!(acceptable(good, &known), Ok(()), "{good}");
        }
        for bad in [
            "elva tecken",
            "aaaaaaaaaaaaaaaa",
            "password1234",
            "qwertyuiop123",
            "karinlindangen",
            "123456789012",
        ] {
            assert!(acceptable(bad, &known).is_err(), "{bad}");
        }
        assert_eq!(
            acceptable(&"fyr torn ".repeat(20), &known),
            Err("Välj ett lösenord med högst 128 tecken")
        );
    }

    #[test]
    fn a_lower_cost_is_outdated_and_todays_or_a_higher_one_is_not() {
        let of = |head: &str| format!("{head}$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g");
        for old in [
            "$argon2id$v=19$m=8192,t=2,p=1",
            "$argon2id$v=19$m=19456,t=1,p=1",
            "$argon2i$v=19$m=19456,t=2,p=1",
        ] {
            assert!(is_outdated(&of(old)), "{old}");
        }
        assert!(!is_outdated(&hash_now("höga kusten 2026").unwrap()));
        assert!(!is_outdated(&of("$argon2id$v=19$m=65536,t=3,p=4")));
    }

    #[tokio::test]
    async fn only_the_right_password_fits_and_never_for_an_unknown_person() {
        let stored = hash("höga kusten 2026".to_owned()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(verify("höga kusten 2026".to_owned(), Some(stored.clone())).await.unwrap());
        assert!(!verify("höga kusten 2025".to_owned(), Some(stored)).await.unwrap());
        assert!(!verify("en adress som inte finns".to_owned(), None).await.unwrap());
    }
}
