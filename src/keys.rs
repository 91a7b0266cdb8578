//! Keys made from the program's one secret: marks to compare personal numbers by, seals to keep them, links nobody can guess.
//!
//! A new secret makes old links useless and old seals unreadable: docs/operations.md tells how it is kept.

use rand::Rng as _;
use ring::{aead, hmac};

use crate::{config::Secret, identity::token::Token};

/// Fewest characters of a secret, and fewest different ones among them.
const SHORTEST: usize = 32;
const FEWEST_DIFFERENT: usize = 8;

/// The keys. They are never printed.
pub struct Keys {
    mark: hmac::Key,
    link: hmac::Key,
    seal: aead::LessSafeKey,
}

/// Why there are no keys, or why something could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is no secret, or it is too easy to guess.
    #[error(
        "KUNDPORTAL_SECRET must have at least {SHORTEST} characters, {FEWEST_DIFFERENT} of them different"
    )]
    Poor,
    /// The cipher refused: another secret, or bytes that were changed.
    #[error("the seal does not hold")]
    Broken,
}

impl Keys {
    /// One key for each use, so that one can't be turned into another.
    ///
    /// # Errors
    /// When the secret is shorter than 32 characters or has fewer than 8 different ones.
    pub fn from_secret(secret: &Secret) -> Result<Self, KeyError> {
        let mut different: Vec<char> = secret.expose().chars().collect();
        different.sort_unstable();
        different.dedup();
        if secret.expose().chars().count() < SHORTEST || different.len() < FEWEST_DIFFERENT {
            return Err(KeyError::Poor);
        }
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        let derived = |label: &str| hmac::sign(&root, label.as_bytes());
        let key = |label| hmac::Key::new(hmac::HMAC_SHA256, derived(label).as_ref());
        let seal = aead::UnboundKey::new(&aead::CHACHA20_POLY1305, derived("seal").as_ref())
            .map_err(|_| KeyError::Broken)?;
        Ok(Self { mark: key("personal number mark"), link: key("link"), seal: aead::LessSafeKey::new(seal) })
    }

    /// What a database remembers of the secret it is used with.
    pub fn fingerprint(&self) -> Vec<u8> {
        self.mark("which secret")
    }

    /// The same text gives the same mark; without the secret nobody can try numbers until one fits.
    pub fn mark(&self, text: &str) -> Vec<u8> {
        hmac::sign(&self.mark, text.as_bytes()).as_ref().to_vec()
    }

    /// The link for a thing; it is made anew when a mail is sent, and only its hash is kept.
    pub fn link(&self, thing: &str) -> Token {
        Token::from_bytes(hmac::sign(&self.link, thing.as_bytes()).as_ref())
    }

    /// Seals a text for one place: elsewhere it can't be opened.
    pub fn seal(&self, place: &str, text: &str) -> Result<Vec<u8>, KeyError> {
        let mut nonce = [0_u8; aead::NONCE_LEN];
        rand::rng().fill_bytes(&mut nonce);
        let mut sealed = text.as_bytes().to_vec();
        self.seal
            .seal_in_place_append_tag(
                aead::Nonce::assume_unique_for_key(nonce),
                aead::Aad::from(place.as_bytes()),
                &mut sealed,
            )
            .map_err(|_| KeyError::Broken)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for the place.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<String, KeyError> {
        let (nonce, body) = sealed.split_first_chunk::<{ aead::NONCE_LEN }>().ok_or(KeyError::Broken)?;
        let mut body = body.to_vec();
        let text = self
            .seal
            .open_in_place(
                aead::Nonce::assume_unique_for_key(*nonce),
                aead::Aad::from(place.as_bytes()),
                &mut body,
            )
            .map_err(|_| KeyError::Broken)?;
        String::from_utf8(text.to_vec()).map_err(|_| KeyError::Broken)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests say what they expect")]
mod tests {
    use super::*;

    const ONE: &str = "0f9b1c2d3e4a5b6c7d8e9f0a1b2c3d4e";
    const TWO: &str = "1f9b1c2d3e4a5b6c7d8e9f0a1b2c3d4e";

    fn keys(secret: &str) -> Keys {
        Keys::from_secret(&secret.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_seal_opens_only_in_its_place_and_with_its_secret() {
        let (one, other) = (keys(ONE), keys(TWO));
        let sealed = one.seal("signatory:1", "195604122381").unwrap();
        assert_eq!(one.open("signatory:1", &sealed).unwrap(), "195604122381");
        assert!(one.open("signatory:2", &sealed).is_err());
        assert!(other.open("signatory:1", &sealed).is_err());
        assert!(one.open("signatory:1", sealed.get(..5).unwrap()).is_err());
        assert_ne!(sealed, one.seal("signatory:1", "195604122381").unwrap());
    }

    #[test]
    fn marks_and_links_differ_by_use_and_secret() {
        let (one, other) = (keys(ONE), keys(TWO));
        assert_eq!(one.mark("x"), one.mark("x"));
        assert_ne!(one.mark("x"), other.mark("x"));
        assert_ne!(one.link("x").expose(), other.link("x").expose());
        assert_ne!(one.link("x").expose().as_bytes(), crate::text::hex(&one.mark("x")).as_bytes());
        for poor in ["", "short", "0f9b1c2d3e4a5b6c7d8e9f0a1b2c3d4", &"a".repeat(64), &"abc".repeat(20)] {
            assert!(Keys::from_secret(&poor.parse().unwrap()).is_err(), "{poor}");
        }
    }
}
