//! How somebody wants the portal to look. Kept in the browser, so that it holds before signing in too and can differ between a
//! telephone and the screen at work.

use axum::http::{HeaderMap, HeaderValue};

use super::session::Cookie;

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the device has it.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// How close together things stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Density {
    /// Airy for customers, dense for those who sit here all day.
    #[default]
    Usual,
    /// Airy everywhere.
    Airy,
    /// Dense everywhere.
    Dense,
}

impl Theme {
    /// With what a form and the cookie call them.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::System, "enheten"), (Self::Light, "ljust"), (Self::Dark, "morkt")];
}

impl Density {
    /// With what a form and the cookie call them.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::Usual, "standard"), (Self::Airy, "luftigt"), (Self::Dense, "tatt")];
}

fn code<T: Copy + PartialEq>(all: &[(T, &'static str)], wanted: T) -> &'static str {
    all.iter().find(|(value, _)| *value == wanted).map_or("", |(_, code)| code)
}

fn of<T: Copy>(all: &[(T, &'static str)], wanted: &str) -> Option<T> {
    all.iter().find(|(_, code)| *code == wanted).map(|(value, _)| *value)
}

/// Both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Light or dark.
    pub theme: Theme,
    /// How close together.
    pub density: Density,
}

tokio::task_local! {
    pub(super) static LOOK: Look;
}

impl Look {
    /// What the browser of the running request has asked for.
    pub fn current() -> Self {
        LOOK.try_with(|look| *look).unwrap_or_default()
    }

    /// Reads a form's two choices; `None` when one is unknown.
    pub fn parse(theme: &str, density: &str) -> Option<Self> {
        Some(Self { theme: of(&Theme::ALL, theme)?, density: of(&Density::ALL, density)? })
    }

    /// The theme's name in a form.
    pub fn theme_code(self) -> &'static str {
        code(&Theme::ALL, self.theme)
    }

    /// The density's name in a form.
    pub fn density_code(self) -> &'static str {
        code(&Density::ALL, self.density)
    }

    /// For `data-theme` and `color-scheme`: empty when the device decides.
    pub fn scheme(self) -> &'static str {
        match self.theme {
            Theme::System => "",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }

    /// Dense, where `usual` is what the page has otherwise?
    pub fn is_dense(self, usual: bool) -> bool {
        match self.density {
            Density::Usual => usual,
            Density::Airy => false,
            Density::Dense => true,
        }
    }

    pub(super) fn read(cookie: Cookie, headers: &HeaderMap) -> Self {
        cookie
            .read_look(headers)
            .and_then(|value| value.split_once('.'))
            .and_then(|(theme, density)| Self::parse(theme, density))
            .unwrap_or_default()
    }

    /// The header that keeps it for a year.
    pub fn cookie(self, cookie: Cookie) -> Option<HeaderValue> {
        cookie.set_look(&format!("{}.{}", self.theme_code(), self.density_code()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again_and_anything_else_is_as_the_device_has_it() {
        let read = |kept: &str| {
            let value = HeaderValue::from_str(&format!("kp_look={kept}"));
            let headers = value.map(|value| HeaderMap::from_iter([(axum::http::header::COOKIE, value)]));
            Look::read(Cookie::for_base_url("http://portal.test"), &headers.unwrap_or_default())
        };
        for (theme, theme_code) in Theme::ALL {
            for (density, density_code) in Density::ALL {
                assert_eq!(read(&format!("{theme_code}.{density_code}")), Look { theme, density });
            }
        }
        for odd in ["", "rosa.tatt", "morkt", "morkt.tatt.mer"] {
            assert_eq!(read(odd), Look::default(), "{odd}");
        }
        assert!(!read("morkt.luftigt").is_dense(true) && read("morkt.standard").is_dense(true));
    }
}
