//! Session tokens: 32 random bytes in the cookie, their SHA-256 in the database, and the form token derived from them.

use rand::Rng as _;
use sha2::{Digest, Sha256};

use crate::text::hex;

/// What a cookie carries.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// 256 bits from rand's generator, which the operating system seeds.
    pub fn fresh() -> Self {
        let mut bytes = [0_u8; 32];
        rand::rng().fill_bytes(&mut bytes);
        Self(hex(&bytes))
    }

    /// A token made from a key (`keys.rs`).
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        Self(hex(bytes))
    }

    /// A cookie's value, when it has the form of ours.
    pub fn from_cookie(value: &str) -> Option<Self> {
        (value.len() == 64 && value.bytes().all(|b| b.is_ascii_hexdigit())).then(|| Self(value.to_owned()))
    }

    /// For the `Set-Cookie` header.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the database knows the session by.
    pub fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0.as_bytes()).to_vec()
    }

    /// Hidden in every form: accepted instead of `Sec-Fetch-Site` and `Origin` from clients that send neither.
    pub fn form_token(&self) -> String {
        let mut digest = Sha256::new_with_prefix(b"kundportal form token\n");
        digest.update(self.0.as_bytes());
        hex(&digest.finalize())
    }
}
