//! A client that sends what a browser sends, and an answer that can be asked.

use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use http_body_util::BodyExt;
use tower::ServiceExt;

#[derive(Clone)]
pub struct Client {
    router: Router,
    pub cookie: Option<String>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: axum::http::HeaderMap,
    pub body: String,
    pub trips: u32,
}

impl Client {
    pub fn new(router: Router, cookie: Option<String>) -> Self {
        Self { router, cookie }
    }

    /// The same browser, signed in or not, with the cookie of a visit to an e-legitimation.
    pub fn with_visit(&self, visit: &str) -> Self {
        let session = self.cookie.clone().unwrap_or_default();
        Self::new(self.router.clone(), Some(format!("{session}; kp_eid={visit}")))
    }

    pub fn request(&self, method: Method, path: &str) -> axum::http::request::Builder {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "portal.test")
            .header("accept", "text/html");
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, format!("kp_session={cookie}"));
        }
        request
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let trips = parts.extensions.get::<kundportal::http::layers::RoundTrips>().map_or(0, |trips| trips.0);
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&bytes).into_owned(),
            trips,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    /// A page that must be there.
    pub async fn page(&self, path: &str) -> Answer {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "GET {path}: {}", answer.text());
        answer
    }

    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = encoded(fields);
        let request = self
            .request(Method::POST, path)
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        self.send(request).await
    }

    /// A form that must lead on; answers where to.
    pub async fn must_post(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let answer = self.post(path, fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "POST {path}: {}", answer.text());
        answer.location()
    }

    pub async fn upload(&self, path: &str, file_name: &str, content: &[u8]) -> Answer {
        self.upload_with(path, &[], file_name, content).await
    }

    /// A file with fields beside it.
    pub async fn upload_with(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        file_name: &str,
        content: &[u8],
    ) -> Answer {
        let mut body = Vec::new();
        for (name, value) in fields {
            body.extend_from_slice(
                format!("--grans\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
                    .as_bytes(),
            );
        }
        body.extend_from_slice(format!(
            "--grans\r\nContent-Disposition: form-data; name=\"fil\"; filename=\"{file_name}\"\r\nContent-Type: application/octet-stream\r\n\r\n"
        ).as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n--grans--\r\n");
        let request = self
            .request(Method::POST, path)
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=grans")
            .body(Body::from(body))
            .unwrap();
        self.send(request).await
    }
}

/// The value of a cookie that an answer sets.
#[track_caller]
pub fn cookie(answer: &Answer, name: &str) -> String {
    let lines = answer.headers.get_all(header::SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut found = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix('=')?.split(';').next());
    found.next().unwrap_or_else(|| panic!("no cookie {name}: {}", answer.text())).to_owned()
}

pub fn encoded(fields: &[(&str, &str)]) -> String {
    serde_html_form::to_string(fields).unwrap()
}

impl Answer {
    pub fn location(&self) -> String {
        self.headers.get(header::LOCATION).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    /// The cookie that a visit to an e-legitimation leaves.
    pub fn visit(&self) -> String {
        cookie(self, "kp_eid")
    }

    /// The text without tags, for messages and look-ups; no-break spaces as spaces.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut in_tag = false;
        // Where a word may break is not a space.
        for c in self.body.replace("<wbr>", "").chars() {
            match c {
                '<' => in_tag = true,
                '>' => {
                    in_tag = false;
                    text.push(' ');
                }
                '\u{a0}' => text.push(' '),
                c if !in_tag => text.push(c),
                _ => {}
            }
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Is it in the page as written, in an attribute too?
    #[track_caller]
    pub fn holds(&self, markup: &str) -> &Self {
        assert!(self.body.contains(markup), "missing «{markup}» in: {}", self.body);
        self
    }

    #[track_caller]
    pub fn says(&self, words: &str) -> &Self {
        assert!(self.text().contains(words), "missing «{words}» in: {}", self.text());
        self
    }

    #[track_caller]
    pub fn does_not_say(&self, words: &str) -> &Self {
        assert!(!self.text().contains(words), "found «{words}» in: {}", self.text());
        self
    }

    #[track_caller]
    pub fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }

    /// The value of a hidden field.
    /// The same, where a page may lack the field.
    pub fn hidden_or(&self, name: &str, other: &str) -> String {
        if self.body.contains(&format!("name=\"{name}\" value=\"")) {
            self.hidden(name)
        } else {
            other.to_owned()
        }
    }

    pub fn hidden(&self, name: &str) -> String {
        let mark = format!("name=\"{name}\" value=\"");
        let start = self.body.find(&mark).unwrap_or_else(|| panic!("no field {name} in: {}", self.text()))
            + mark.len();
        self.body[start..].split('"').next().unwrap().to_owned()
    }
}
