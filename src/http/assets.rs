//! The files of `static/`, built in, under addresses that change with their content and may be kept for ever.

use std::sync::LazyLock;

use axum::{
    extract::RawPathParams,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

use crate::text::hex;

struct Asset {
    name: &'static str,
    media_type: &'static str,
    body: Vec<u8>,
    hash: String,
}

/// The style sheets in cascade order, sent as one file.
const CSS: [&str; 4] = [
    include_str!("../../static/css/00-tokens.css"),
    include_str!("../../static/css/10-base.css"),
    include_str!("../../static/css/20-layout.css"),
    include_str!("../../static/css/30-components.css"),
];

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let asset = |name, media_type, body: Vec<u8>| {
        let hash = hex(&Sha256::digest(&body)).chars().take(12).collect();
        Asset { name, media_type, body, hash }
    };
    vec![
        asset("kp.css", "text/css; charset=utf-8", CSS.concat().into_bytes()),
        asset("kp.js", "text/javascript; charset=utf-8", include_bytes!("../../static/js/kp.js").to_vec()),
        asset(
            "passkey.js",
            "text/javascript; charset=utf-8",
            include_bytes!("../../static/js/passkey.js").to_vec(),
        ),
        asset("icons.svg", "image/svg+xml; charset=utf-8", include_bytes!("../../static/icons.svg").to_vec()),
        asset(
            "favicon.svg",
            "image/svg+xml; charset=utf-8",
            include_bytes!("../../static/favicon.svg").to_vec(),
        ),
    ]
});

/// The address of a file, for example `/static/0a1b2c3d4e5f/kp.css`.
pub fn address(name: &str) -> String {
    ASSETS
        .iter()
        .find(|asset| asset.name == name)
        .map_or_else(|| format!("/static/-/{name}"), |asset| format!("/static/{}/{name}", asset.hash))
}

/// The addresses every page uses, made once.
pub struct Addresses {
    /// Style sheet.
    pub css: String,
    /// The module.
    pub js: String,
    /// The module of pages with a passkey.
    pub passkey: String,
    /// Icons, for `use`.
    pub icons: String,
    /// The tab's icon.
    pub favicon: String,
}

/// Made at the first page.
pub static ADDRESSES: LazyLock<Addresses> = LazyLock::new(|| Addresses {
    css: address("kp.css"),
    js: address("kp.js"),
    passkey: address("passkey.js"),
    icons: address("icons.svg"),
    favicon: address("favicon.svg"),
});

/// `GET /static/{hash}/{name}`; an old hash gets today's file but may not be kept.
pub async fn show(params: RawPathParams, headers: HeaderMap) -> Response {
    let param =
        |wanted: &str| params.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned());
    let (Some(hash), Some(name)) = (param("hash"), param("name")) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let caching = if asset.hash == hash { "public, max-age=31536000, immutable" } else { "no-cache" };
    let tag = format!("\"{}\"", asset.hash);
    if headers.get(header::IF_NONE_MATCH).is_some_and(|sent| sent.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, [(header::CACHE_CONTROL, caching)]).into_response();
    }
    let headers = [
        (header::CONTENT_TYPE, asset.media_type.to_owned()),
        (header::CACHE_CONTROL, caching.to_owned()),
        (header::ETAG, tag),
    ];
    (headers, asset.body.clone()).into_response()
}
