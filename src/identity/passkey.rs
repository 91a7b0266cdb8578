//! Passkeys (WebAuthn): what the browser is asked for, and whether its answer holds.
//!
//! What the library remembers between question and answer travels sealed in the form, with the person it is for and the
//! time; an answer counts once, whatever is done with the form. Every question asks for the owner's PIN, finger or face
//! too, and the library refuses an answer without: a passkey is two steps in one.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use webauthn_rs::prelude::{
    AuthenticationResult, DiscoverableAuthentication, Passkey, PasskeyAuthentication, PasskeyRegistration,
    PublicKeyCredential, RegisterPublicKeyCredential, Url, Webauthn, WebauthnBuilder, WebauthnError,
};

use super::token::Token;
use crate::{
    ids::{self, PersonId},
    keys::{KeyError, Keys},
    text::{hex, unhex},
};

/// Seconds a question may wait for its answer.
const WAIT: i64 = 600;

/// The portal as authenticators know it: bound to the name in its address for ever.
pub struct Passkeys(Option<Webauthn>);

/// Why a passkey was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The question is another's, too old, or was not ours.
    #[error("the question is not ours or too old")]
    Question,
    /// The answer does not hold.
    #[error("the answer does not hold: {0}")]
    Answer(String),
    /// This portal takes no passkeys.
    #[error("no passkeys here")]
    Off,
    /// The seal or the library failed.
    #[error("{0}")]
    Fault(String),
}

impl Refused {
    /// For the log: nothing of what was sent.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Question => "question",
            Self::Answer(_) => "answer",
            Self::Off => "off",
            Self::Fault(_) => "fault",
        }
    }
}

impl From<KeyError> for Refused {
    fn from(error: KeyError) -> Self {
        Self::Fault(error.to_string())
    }
}

impl From<WebauthnError> for Refused {
    fn from(error: WebauthnError) -> Self {
        Self::Answer(error.to_string())
    }
}

impl From<serde_json::Error> for Refused {
    fn from(error: serde_json::Error) -> Self {
        Self::Fault(error.to_string())
    }
}

/// A question to the browser: what its module reads, and what comes back with the answer.
#[derive(Debug)]
pub struct Question {
    /// JSON for `navigator.credentials`.
    pub options: String,
    /// Sealed, for the hidden field.
    pub sealed: String,
}

/// What is sealed between question and answer.
#[derive(Deserialize, Serialize)]
struct Asked<T> {
    at: i64,
    state: T,
}

/// A passkey as it is kept.
#[derive(Debug)]
pub struct Kept {
    /// The authenticator's own name of it.
    pub credential: Vec<u8>,
    /// JSON of its public half.
    pub text: String,
}

impl Passkeys {
    /// For a portal that people reach at this address. Browsers bind a passkey to a name, so that at a bare IP address
    /// there are none.
    pub fn for_base_url(base_url: &str) -> Self {
        let built = Url::parse(base_url).ok().and_then(|origin| {
            let name = origin.domain()?.to_owned();
            WebauthnBuilder::new(&name, &origin).ok()?.rp_name("Kundportalen").build().ok()
        });
        Self(built)
    }

    /// Can passkeys be used here?
    pub fn are_on(&self) -> bool {
        self.0.is_some()
    }

    fn on(&self) -> Result<&Webauthn, Refused> {
        self.0.as_ref().ok_or(Refused::Off)
    }

    /// A new passkey, one that can be shown without naming the account.
    fn registration(
        &self,
        (person, email, name): (PersonId, &str, &str),
        known: Vec<Vec<u8>>,
    ) -> Result<(Value, PasskeyRegistration), Refused> {
        let (options, state) = self.on()?.start_passkey_registration(person.0, email, name, Some(known))?;
        let mut options = serde_json::to_value(options)?;
        if let Some(Value::Object(wanted)) = options.pointer_mut("/publicKey/authenticatorSelection") {
            wanted.insert("residentKey".to_owned(), json!("required"));
            wanted.insert("requireResidentKey".to_owned(), json!(true));
        }
        Ok((options, state))
    }

    fn registered(&self, answer: &str, state: &PasskeyRegistration) -> Result<Kept, Refused> {
        let answer: RegisterPublicKeyCredential = read(answer)?;
        let passkey = self.on()?.finish_passkey_registration(&answer, state)?;
        Ok(Kept { credential: passkey.cred_id().clone(), text: serde_json::to_string(&passkey)? })
    }

    /// Asks the browser for a new passkey that is none of `known`.
    pub fn ask_new(
        &self,
        keys: &Keys,
        (person, email, name): (PersonId, &str, &str),
        known: Vec<Vec<u8>>,
        at: i64,
    ) -> Result<Question, Refused> {
        let (options, state) = self.registration((person, email, name), known)?;
        question(keys, &place("new", person), &options, &Asked { at, state })
    }

    /// The new passkey, when the answer holds.
    pub fn take_new(
        &self,
        keys: &Keys,
        person: PersonId,
        (sealed, answer, at): (&str, &str, i64),
    ) -> Result<Kept, Refused> {
        let state: PasskeyRegistration = opened(keys, &place("new", person), sealed, at)?;
        self.registered(answer, &state)
    }

    /// Asks the browser for the passkey that an account begins with: of somebody invited, by the link of the invitation.
    pub fn ask_first(
        &self,
        keys: &Keys,
        (link, email, name): (&Token, &str, &str),
        at: i64,
    ) -> Result<Question, Refused> {
        let person = PersonId(ids::fresh());
        let (options, state) = self.registration((person, email, name), Vec::new())?;
        question(keys, &invited(link), &options, &Asked { at, state: (person, state) })
    }

    /// That passkey and who the person will be, when the answer holds.
    pub fn take_first(
        &self,
        keys: &Keys,
        link: &Token,
        (sealed, answer, at): (&str, &str, i64),
    ) -> Result<(PersonId, Kept), Refused> {
        let (person, state): (PersonId, PasskeyRegistration) = opened(keys, &invited(link), sealed, at)?;
        Ok((person, self.registered(answer, &state)?))
    }

    /// Asks the browser for one of the person's passkeys, `about` one thing and no other.
    pub fn ask(
        &self,
        keys: &Keys,
        (person, about): (PersonId, &str),
        kept: &[String],
        at: i64,
    ) -> Result<Question, Refused> {
        let passkeys: Vec<Passkey> = kept.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
        let (options, state) = self.on()?.start_passkey_authentication(&passkeys)?;
        question(keys, &place(about, person), &options, &Asked { at, state })
    }

    /// The passkey that was shown, with its counters as they are now, when the answer holds. `kept` are the person's.
    pub fn take(
        &self,
        keys: &Keys,
        (person, about): (PersonId, &str),
        (sealed, answer, at): (&str, &str, i64),
        kept: &[(Vec<u8>, String)],
    ) -> Result<Kept, Refused> {
        let state: PasskeyAuthentication = opened(keys, &place(about, person), sealed, at)?;
        let answer: PublicKeyCredential = read(answer)?;
        let result = self.on()?.finish_passkey_authentication(&answer, &state)?;
        after(&result, kept)
    }

    /// Asks the browser for any passkey of this portal's, of whoever sits there.
    pub fn ask_anybody(&self, keys: &Keys, at: i64) -> Result<Question, Refused> {
        let (options, state) = self.on()?.start_discoverable_authentication()?;
        question(keys, ANYBODY, &options, &Asked { at, state })
    }

    /// Whose passkey the answer says it is, to a question that was asked. Nothing is proved by it.
    pub fn whose(&self, keys: &Keys, (sealed, answer, at): (&str, &str, i64)) -> Result<PersonId, Refused> {
        opened::<DiscoverableAuthentication>(keys, ANYBODY, sealed, at)?;
        let answer: PublicKeyCredential = read(answer)?;
        let (person, _) = self.on()?.identify_discoverable_authentication(&answer)?;
        Ok(PersonId(person))
    }

    /// The passkey of `kept` that was shown, with its counters as they are now, when the answer holds.
    pub fn take_anybodys(
        &self,
        keys: &Keys,
        (sealed, answer, at): (&str, &str, i64),
        kept: &[(Vec<u8>, String)],
    ) -> Result<Kept, Refused> {
        let state: DiscoverableAuthentication = opened(keys, ANYBODY, sealed, at)?;
        let answer: PublicKeyCredential = read(answer)?;
        let (_, shown) = self.on()?.identify_discoverable_authentication(&answer)?;
        let (_, text) = kept.iter().find(|(credential, _)| credential == shown).ok_or(Refused::Question)?;
        let passkey: Passkey = serde_json::from_str(text)?;
        let result = self.on()?.finish_discoverable_authentication_v2(&answer, state, &passkey)?;
        after(&result, kept)
    }
}

/// What a question to whoever it may be is sealed for.
const ANYBODY: &str = "passkey shown by anybody";

/// The passkey that was shown, as it is kept from now on.
fn after(result: &AuthenticationResult, kept: &[(Vec<u8>, String)]) -> Result<Kept, Refused> {
    let shown: &[u8] = result.cred_id().as_ref();
    let (credential, text) =
        kept.iter().find(|(credential, _)| credential == shown).ok_or(Refused::Question)?;
    let mut passkey: Passkey = serde_json::from_str(text)?;
    passkey.update_credential(result);
    Ok(Kept { credential: credential.clone(), text: serde_json::to_string(&passkey)? })
}

fn invited(link: &Token) -> String {
    format!("passkey of somebody invited:{}", hex(&link.hash()))
}

fn place(what: &str, person: PersonId) -> String {
    format!("passkey {what}:{person}")
}

fn question<T: Serialize>(
    keys: &Keys,
    place: &str,
    options: &impl Serialize,
    asked: &Asked<T>,
) -> Result<Question, Refused> {
    let sealed = hex(&keys.seal(place, &serde_json::to_string(asked)?)?);
    Ok(Question { options: serde_json::to_string(options)?, sealed })
}

fn opened<T: DeserializeOwned>(keys: &Keys, place: &str, sealed: &str, now: i64) -> Result<T, Refused> {
    let bytes = unhex(sealed).ok_or(Refused::Question)?;
    let text = keys.open(place, &bytes).map_err(|_| Refused::Question)?;
    let asked: Asked<T> = serde_json::from_str(&text)?;
    if (0..=WAIT).contains(&(now - asked.at)) { Ok(asked.state) } else { Err(Refused::Question) }
}

/// What the browser's module sent.
fn read<T: DeserializeOwned>(answer: &str) -> Result<T, Refused> {
    serde_json::from_str(answer).map_err(|error| Refused::Answer(error.to_string()))
}
