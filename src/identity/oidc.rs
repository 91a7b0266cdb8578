//! e-legitimation over OpenID Connect: SITHS eID, BankID or Freja through their providers, several by configuration.
//!
//! The code flow with PKCE, state and nonce (RFC 9700, OpenID Connect Core 3.1). What a visit to the provider needs to
//! come back is sealed into a cookie of the browser that began it, so nothing is written before somebody is identified.
//! The e-mail address a provider gives is never read.

use std::{
    collections::HashMap,
    fmt, fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use openidconnect::{
    AdditionalClaims, AuthenticationContextClass, AuthorizationCode, Client, ClientId, ClientSecret,
    CsrfToken, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, IdTokenFields,
    IssuerUrl, LogoutRequest, Nonce, PkceCodeChallenge, PkceCodeVerifier, PostLogoutRedirectUrl,
    ProviderMetadataWithLogout, RedirectUrl, Scope, StandardErrorResponse, StandardTokenResponse,
    TokenResponse as _,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType, CoreGenderClaim,
        CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreRevocableToken,
        CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
    },
    reqwest,
    url::Url,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::{
    domain::PersonalNumber,
    eid::{Holder, Identified},
};
use crate::text::chain;

/// How long a provider's own description and keys are believed before they are read again.
const METADATA_AGE: Duration = Duration::from_hours(1);
/// How long a provider that did not answer is left alone.
const LEFT_ALONE: Duration = Duration::from_secs(5);
/// How long a provider may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Seconds that two clocks may differ.
const CLOCKS_DIFFER: i64 = 60;
/// Codes that name pages of ours.
const RESERVED: [&str; 2] = ["svar", "test"];

/// Where providers send people back to.
pub const CALLBACK: &str = "/legitimera/svar";

/// One provider in the file that `KUNDPORTAL_EID_PROVIDERS` names.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Names it in addresses: `siths`.
    pub code: String,
    /// As people know it: "SITHS eID".
    pub name: String,
    /// The provider's address; its description is found below it.
    pub issuer: String,
    /// What the provider calls this portal.
    pub client_id: String,
    /// The portal's secret with the provider.
    #[serde(default)]
    pub client_secret: Option<String>,
    /// Levels that are asked for; when there are any, the answer must be one of them.
    #[serde(default)]
    pub acr_values: Vec<String>,
    /// What is asked for besides `openid`.
    #[serde(default = "default_scopes")]
    pub scopes: Vec<String>,
    /// The claim that holds the personal number, which must then be there; `null` for a provider that gives none.
    #[serde(default = "default_number_claim")]
    pub number_claim: Option<String>,
}

/// From the Swedish OpenID Connect profile's attribute specification.
fn default_scopes() -> Vec<String> {
    vec!["https://id.oidc.se/scope/naturalPersonNumber".to_owned()]
}

#[expect(clippy::unnecessary_wraps, reason = "the form that serde asks for")]
fn default_number_claim() -> Option<String> {
    Some("https://id.oidc.se/claim/personalIdentityNumber".to_owned())
}

/// What is wrong with the file of providers.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// It can't be read.
    #[error("{}: {error}", file.display())]
    File { file: PathBuf, error: std::io::Error },
    /// It is not what it should be.
    #[error("{}: {error}", file.display())]
    Form { file: PathBuf, error: serde_json::Error },
    /// A provider can't be used.
    #[error("provider {0}: {1}")]
    Provider(String, String),
}

/// Why nobody was identified.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The provider can't be reached or does not answer as it should.
    #[error("provider unreachable: {0}")]
    Unreachable(String),
    /// Its answer does not hold.
    #[error("answer refused: {0}")]
    Refused(String),
}

/// All claims that OpenID Connect does not name itself.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Extra(HashMap<String, serde_json::Value>);
impl AdditionalClaims for Extra {}

type Fields = IdTokenFields<
    Extra,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Relying = Client<
    Extra,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<Fields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// What must be known again when somebody comes back from the provider.
#[derive(Deserialize, Serialize)]
pub struct Begun {
    /// The provider's code.
    pub provider: String,
    state: String,
    nonce: String,
    verifier: String,
    /// Is it to confirm something, so that being signed in with the provider since before is not enough?
    fresh: bool,
}

impl Begun {
    /// Is an answer with this state the answer of this visit?
    pub fn is_of(&self, state: &str) -> bool {
        same(&self.state, state)
    }

    /// What the answer is known by when it comes a second time.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }
}

/// The providers of this portal.
#[derive(Default)]
pub struct Providers(Vec<Provider>);

/// One of them.
pub struct Provider {
    settings: Settings,
    redirect: RedirectUrl,
    issuer: IssuerUrl,
    http: reqwest::Client,
    metadata: Mutex<Option<(Instant, Result<ProviderMetadataWithLogout, String>)>>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("code", &self.settings.code).finish_non_exhaustive()
    }
}

impl Providers {
    /// Reads a file: a JSON list of [`Settings`].
    ///
    /// # Errors
    /// Everything that would make a provider useless is found here, before anybody is sent to it.
    pub fn read(file: &Path, base_url: &str) -> Result<Self, SettingsError> {
        let text = fs::read(file).map_err(|error| SettingsError::File { file: file.to_owned(), error })?;
        let all: Vec<Settings> = serde_json::from_slice(&text)
            .map_err(|error| SettingsError::Form { file: file.to_owned(), error })?;
        let mut providers: Vec<Provider> = Vec::new();
        for settings in all {
            let code = settings.code.clone();
            let fault = |what: &str| SettingsError::Provider(code.clone(), what.to_owned());
            if providers.iter().any(|other| other.settings.code == code) {
                return Err(fault("the code is there twice"));
            }
            providers.push(Provider::new(settings, base_url).map_err(|what| fault(&what))?);
        }
        Ok(Self(providers))
    }

    /// All, in the file's order.
    pub fn all(&self) -> &[Provider] {
        &self.0
    }

    /// By code.
    pub fn get(&self, code: &str) -> Option<&Provider> {
        self.0.iter().find(|provider| provider.settings.code == code)
    }
}

impl Provider {
    fn new(settings: Settings, base_url: &str) -> Result<Self, String> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if settings.code.is_empty() || settings.code.len() > 40 || !settings.code.chars().all(fits) {
            return Err("code must be a to z, 0 to 9 and -".to_owned());
        }
        if RESERVED.contains(&settings.code.as_str()) {
            return Err("the code is taken by the portal".to_owned());
        }
        if settings.name.is_empty() || settings.name.chars().count() > 80 {
            return Err("name must have 1 to 80 characters".to_owned());
        }
        let issuer = IssuerUrl::new(settings.issuer.clone()).map_err(|error| error.to_string())?;
        let on_this_machine = matches!(issuer.url().host_str(), Some("127.0.0.1" | "localhost"))
            && issuer.url().scheme() == "http";
        if issuer.url().scheme() != "https" && !on_this_machine {
            return Err("issuer must start with https://".to_owned());
        }
        let redirect =
            RedirectUrl::new(format!("{base_url}{CALLBACK}")).map_err(|error| error.to_string())?;
        let http = reqwest::ClientBuilder::new()
            // Where a provider's answer would lead on to is none of our business.
            .redirect(reqwest::redirect::Policy::none())
            .https_only(!on_this_machine)
            .timeout(PATIENCE)
            // A connection that the provider is just closing would lose somebody's answer: each visit has its own.
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { settings, redirect, issuer, http, metadata: Mutex::default() })
    }

    /// Names it in addresses.
    pub fn code(&self) -> &str {
        &self.settings.code
    }

    /// As people know it.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Where to send somebody, and what to remember until they come back. With `fresh` they must identify themselves
    /// anew there.
    pub async fn begin(&self, fresh: bool) -> Result<(Url, Begun), Fault> {
        let client = self.client(false).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .set_pkce_challenge(challenge);
        for scope in &self.settings.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        for level in &self.settings.acr_values {
            request = request.add_auth_context_value(AuthenticationContextClass::new(level.clone()));
        }
        if fresh {
            request = request.set_max_age(Duration::ZERO).add_prompt(CoreAuthPrompt::Login);
        }
        let (url, state, nonce) = request.url();
        let begun = Begun {
            provider: self.settings.code.clone(),
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
            fresh,
        };
        Ok((url, begun))
    }

    /// Who came back: `state` and `issuer` are what the address said, `code` what the provider gives its answer for, and
    /// `since` is when the visit began, in seconds since 1970.
    pub async fn finish(
        &self,
        begun: &Begun,
        (state, issuer): (&str, &str),
        (code, since): (String, i64),
    ) -> Result<Identified, Fault> {
        if begun.provider != self.settings.code || !begun.is_of(state) {
            return Err(Fault::Refused("another visit's answer".to_owned()));
        }
        // RFC 9207: an answer that names its issuer must name this one.
        if !issuer.is_empty() && issuer != self.issuer.as_str() {
            return Err(Fault::Refused("another issuer's answer".to_owned()));
        }
        let client = self.client(false).await?;
        let answer = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| Fault::Unreachable(error.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(begun.verifier.clone()))
            .request_async(&self.http)
            .await
            .map_err(refusal)?;
        let token = answer.id_token().ok_or_else(|| Fault::Refused("no id token".to_owned()))?;
        let nonce = Nonce::new(begun.nonce.clone());
        // A provider's clock may be a little behind ours.
        let since = begun.fresh.then_some(since - CLOCKS_DIFFER);
        let claims = if let Ok(claims) = token.claims(&self.verifier(&client, since), &nonce) {
            claims.clone()
        } else {
            // The provider may have new keys. Asked for only when it has itself given out a token they don't fit.
            let renewed = self.client(true).await?;
            let claims = token.claims(&self.verifier(&renewed, since), &nonce);
            claims.map_err(|error| Fault::Refused(error.to_string()))?.clone()
        };
        let holder = match &self.settings.number_claim {
            Some(claim) => {
                let said = claims.additional_claims().0.get(claim).and_then(serde_json::Value::as_str);
                let number = said.and_then(|number| PersonalNumber::parse(number).ok());
                Holder::Number(
                    number.ok_or_else(|| Fault::Refused("no personal number that holds".to_owned()))?,
                )
            }
            None => {
                Holder::Subject { issuer: self.issuer.to_string(), subject: claims.subject().to_string() }
            }
        };
        let name = claims
            .name()
            .and_then(|names| names.get(None))
            .map_or_else(String::new, |name| name.chars().filter(|c| !c.is_control()).take(120).collect());
        // The visit's nonce, which the provider has in its own log. Its name for the person may be a personal number.
        Ok(Identified::by_provider(holder, name, format!("{}:{}", self.settings.code, begun.nonce)))
    }

    /// Where somebody signs out with the provider and comes back to `back`. `None`: it has no such place, or does not answer.
    /// No token is sent along, since none is kept: the provider asks the person.
    pub async fn end_session(&self, back: &str) -> Option<Url> {
        let metadata = match self.description(false).await {
            Ok(metadata) => metadata,
            Err(fault) => {
                tracing::warn!(provider = self.settings.code, %fault, "where to sign out is not known");
                return None;
            }
        };
        let place = metadata.additional_metadata().end_session_endpoint.clone()?;
        // Nobody is sent where signing in would not have taken them.
        if place.url().scheme() != self.issuer.url().scheme() {
            tracing::warn!(target: "security", provider = self.settings.code, "an address to sign out at that is not secure");
            return None;
        }
        let back = PostLogoutRedirectUrl::new(back.to_owned()).ok()?;
        let client = ClientId::new(self.settings.client_id.clone());
        let request = LogoutRequest::from(place).set_client_id(client).set_post_logout_redirect_uri(back);
        Some(request.http_get_url())
    }

    /// With `since` somebody must have been identified at that time, in seconds since 1970, or later.
    fn verifier<'a>(
        &'a self,
        client: &'a Relying,
        since: Option<i64>,
    ) -> openidconnect::IdTokenVerifier<'a, CoreJsonWebKey> {
        let wanted = &self.settings.acr_values;
        client
            .id_token_verifier()
            // Never "none", and nothing that a shared secret signs.
            .set_allowed_algs([
                CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
                CoreJwsSigningAlgorithm::RsaSsaPssSha256,
                CoreJwsSigningAlgorithm::EcdsaP256Sha256,
            ])
            .set_auth_context_verifier_fn(move |level| {
                let reached = level.is_some_and(|level| wanted.iter().any(|one| *one == level.as_ref()));
                if wanted.is_empty() || reached {
                    Ok(())
                } else {
                    Err("not a level that was asked for".to_owned())
                }
            })
            .set_auth_time_verifier_fn(move |at| match (since, at) {
                (None, _) => Ok(()),
                (Some(since), Some(at)) if at.timestamp() >= since => Ok(()),
                _ => Err("not identified anew".to_owned()),
            })
    }

    /// What the provider says of itself. One at a time asks for it, and one that did not answer is left alone for a while.
    async fn description(&self, renew: bool) -> Result<ProviderMetadataWithLogout, Fault> {
        let asked = Instant::now();
        let mut known = self.metadata.lock().await;
        match &*known {
            // With `renew`, what somebody else read while this one waited is new enough.
            Some((at, Ok(metadata))) if *at >= asked || (!renew && at.elapsed() < METADATA_AGE) => {
                return Ok(metadata.clone());
            }
            Some((at, Err(why))) if at.elapsed() < LEFT_ALONE => return Err(Fault::Unreachable(why.clone())),
            _ => {}
        }
        let read = ProviderMetadataWithLogout::discover_async(self.issuer.clone(), &self.http).await;
        let read = read.map_err(|error| chain(&error));
        *known = Some((Instant::now(), read.clone()));
        read.map_err(Fault::Unreachable)
    }

    async fn client(&self, renew: bool) -> Result<Relying, Fault> {
        let metadata = self.description(renew).await?;
        let secret = self.settings.client_secret.clone().map(ClientSecret::new);
        let client =
            Relying::from_provider_metadata(metadata, ClientId::new(self.settings.client_id.clone()), secret);
        Ok(client.set_redirect_uri(self.redirect.clone()))
    }
}

/// Compared without telling by the time it takes how much of it was right.
fn same(one: &str, other: &str) -> bool {
    use sha2::{Digest as _, Sha256};
    Sha256::digest(one.as_bytes()) == Sha256::digest(other.as_bytes())
}

type Refusal<E> = openidconnect::RequestTokenError<E, StandardErrorResponse<CoreErrorResponseType>>;

/// A provider that says no is one thing, one that says nothing another.
fn refusal<E: std::error::Error + 'static>(error: Refusal<E>) -> Fault {
    match error {
        // Its own words may tell of the person.
        openidconnect::RequestTokenError::ServerResponse(said) => Fault::Refused(said.error().to_string()),
        other => Fault::Unreachable(chain(&other)),
    }
}
