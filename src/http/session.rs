//! The one cookie: name, attributes, reading and setting.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::identity::token::Token;

/// How the cookie is called and marked: browsers refuse `__Host-` and `Secure` on plain http addresses.
#[derive(Clone, Copy, Debug)]
pub struct Cookie {
    secure: bool,
}

impl Cookie {
    /// For a portal that people reach at this address.
    pub fn for_base_url(base_url: &str) -> Self {
        Self { secure: base_url.starts_with("https://") }
    }

    /// The cookie's name.
    pub fn name(self) -> &'static str {
        if self.secure { "__Host-kp" } else { "kp_session" }
    }

    /// The token a request carries.
    pub fn read(self, headers: &HeaderMap) -> Option<Token> {
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == self.name())
            .and_then(|(_, value)| Token::from_cookie(value))
    }

    /// The header that hands the token out.
    pub fn set(self, token: &Token) -> Option<HeaderValue> {
        self.header(token.expose(), "")
    }

    /// The header that takes it back.
    pub fn clear(self) -> Option<HeaderValue> {
        self.header("", "; Max-Age=0")
    }

    fn header(self, value: &str, more: &str) -> Option<HeaderValue> {
        let secure = if self.secure { "; Secure" } else { "" };
        HeaderValue::from_str(&format!(
            "{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}",
            self.name()
        ))
        .ok()
    }
}
