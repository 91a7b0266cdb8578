//! The cookies: the session's, one that lasts for a visit to an e-legitimation, one from the password to
//! the second step, one for a form that waits, and one for how the portal is to look. Name, attributes, reading, setting.

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};

use uuid::Uuid;

use crate::{
    identity::token::Token,
    text::{hex, unhex},
};

/// Characters of a visit's cookie; browsers keep 4 096 bytes.
const LONGEST_VISIT: usize = 3800;

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

    fn visit_name(self) -> &'static str {
        if self.secure { "__Host-kp-eid" } else { "kp_eid" }
    }

    /// The token a request carries.
    pub fn read(self, headers: &HeaderMap) -> Option<Token> {
        read(headers, self.name()).and_then(Token::from_cookie)
    }

    /// The header that hands the token out.
    pub fn set(self, token: &Token) -> Option<HeaderValue> {
        self.header(self.name(), token.expose(), "")
    }

    /// The header that takes it back.
    pub fn clear(self) -> Option<HeaderValue> {
        self.header(self.name(), "", "; Max-Age=0")
    }

    /// What a browser that is on a visit to an e-legitimation has with it: sealed, in hexadecimal.
    pub fn read_visit(self, headers: &HeaderMap) -> Option<Vec<u8>> {
        read(headers, self.visit_name()).filter(|value| value.len() <= LONGEST_VISIT).and_then(unhex)
    }

    /// The header that sends it along, for as long as a visit may last.
    pub fn set_visit(self, sealed: &[u8]) -> Option<HeaderValue> {
        self.header(self.visit_name(), &hex(sealed), "; Max-Age=600")
    }

    /// The header that ends the visit.
    pub fn clear_visit(self) -> Option<HeaderValue> {
        self.header(self.visit_name(), "", "; Max-Age=0")
    }

    fn step_name(self) -> &'static str {
        if self.secure { "__Host-kp-step" } else { "kp_step" }
    }

    /// What a browser between the password and the second step has with it: sealed, in hexadecimal.
    pub fn read_step(self, headers: &HeaderMap) -> Option<Vec<u8>> {
        read(headers, self.step_name()).filter(|value| value.len() <= LONGEST_VISIT).and_then(unhex)
    }

    /// The header that sends it along.
    pub fn set_step(self, sealed: &[u8]) -> Option<HeaderValue> {
        self.header(self.step_name(), &hex(sealed), "; Max-Age=600")
    }

    /// The header that ends it.
    pub fn clear_step(self) -> Option<HeaderValue> {
        self.header(self.step_name(), "", "; Max-Age=0")
    }

    fn form_name(self) -> &'static str {
        if self.secure { "__Host-kp-form" } else { "kp_form" }
    }

    /// Which form was kept for this browser when the session had ended.
    pub fn read_form(self, headers: &HeaderMap) -> Option<Uuid> {
        read(headers, self.form_name())?.parse().ok()
    }

    /// The header that remembers it for an hour.
    pub fn set_form(self, id: Uuid) -> Option<HeaderValue> {
        self.header(self.form_name(), &id.to_string(), "; Max-Age=3600")
    }

    /// The header that forgets it.
    pub fn clear_form(self) -> Option<HeaderValue> {
        self.header(self.form_name(), "", "; Max-Age=0")
    }

    fn look_name(self) -> &'static str {
        if self.secure { "__Host-kp-look" } else { "kp_look" }
    }

    /// How the portal is to look in this browser.
    pub fn read_look(self, headers: &HeaderMap) -> Option<&str> {
        read(headers, self.look_name())
    }

    /// The header that remembers it for a year.
    pub fn set_look(self, value: &str) -> Option<HeaderValue> {
        self.header(self.look_name(), value, "; Max-Age=31536000")
    }

    fn header(self, name: &str, value: &str, more: &str) -> Option<HeaderValue> {
        let secure = if self.secure { "; Secure" } else { "" };
        HeaderValue::from_str(&format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}")).ok()
    }
}

fn read<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == wanted)
        .map(|(_, value)| value)
}

/// The answer with one more cookie set or taken back.
pub fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
