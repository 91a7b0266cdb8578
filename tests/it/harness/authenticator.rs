//! An authenticator made of code: makes passkeys and shows them as a browser would (WebAuthn level 2, "none" attestation).

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use p256::ecdsa::{Signature, SigningKey, signature::Signer as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::client::Answer;

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const HAS_CREDENTIAL: u8 = 0x40;

/// One passkey. Its secret follows from its number, so that each test knows whose it is.
pub struct Authenticator {
    key: SigningKey,
    id: Vec<u8>,
    user: Vec<u8>,
    shown: u32,
    /// Did the owner show a PIN, a finger or a face?
    pub verifies: bool,
}

/// What a page asks its browser for.
pub fn options(page: &Answer) -> Value {
    let rest = page.body.split("data-options=\"").nth(1).expect("a page that asks for a passkey");
    let text = rest.split('"').next().unwrap_or_default();
    let text = text.replace("&#34;", "\"").replace("&quot;", "\"").replace("&amp;", "&");
    serde_json::from_str::<Value>(&text).expect("options")["publicKey"].clone()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

fn origin(options: &Value) -> String {
    let name = options["rp"]["id"].as_str().or_else(|| options["rpId"].as_str()).expect("a name");
    format!("http://{name}")
}

fn client_data(what: &str, options: &Value) -> Vec<u8> {
    let data = json!({ "type": what, "challenge": options["challenge"], "origin": origin(options), "crossOrigin": false });
    data.to_string().into_bytes()
}

impl Authenticator {
    /// With a passkey that is `number`'s, not made yet.
    pub fn new(number: u8) -> Self {
        let key = SigningKey::from_slice(&[number; 32]).expect("a key");
        Self { key, id: vec![number; 32], user: Vec::new(), shown: 0, verifies: true }
    }

    fn data(&mut self, options: &Value, more: u8) -> Vec<u8> {
        let origin = origin(options);
        self.shown += 1;
        let mut data = Sha256::digest(origin.trim_start_matches("http://")).to_vec();
        data.push(PRESENT | more | if self.verifies { VERIFIED } else { 0 });
        data.extend(self.shown.to_be_bytes());
        data
    }

    /// Makes the passkey that a page asks for; the browser's answer.
    pub fn makes(&mut self, options: &Value) -> String {
        self.user = BASE64.decode(text(&options["user"]["id"])).expect("a user");
        let mut data = self.data(options, HAS_CREDENTIAL);
        data.extend([0; 16]);
        data.extend([0, 32]);
        data.extend(&self.id);
        let point = self.key.verifying_key().to_sec1_point(false);
        // A map of five: EC2, ES256, P-256, x and y.
        data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend(point.x().expect("x"));
        data.extend([0x22, 0x58, 0x20]);
        data.extend(point.y().expect("y"));
        let mut object = vec![0xa3, 0x63];
        object.extend(b"fmt");
        object.push(0x64);
        object.extend(b"none");
        object.push(0x67);
        object.extend(b"attStmt");
        object.extend([0xa0, 0x68]);
        object.extend(b"authData");
        object.extend([0x58, u8::try_from(data.len()).expect("a short one")]);
        object.extend(data);
        let id = BASE64.encode(&self.id);
        json!({
            "id": id, "rawId": id, "type": "public-key", "extensions": {},
            "response": {
                "attestationObject": BASE64.encode(object),
                "clientDataJSON": BASE64.encode(client_data("webauthn.create", options)),
            },
        })
        .to_string()
    }

    /// Shows the passkey to a page that asks for one; the browser's answer.
    pub fn shows(&mut self, options: &Value) -> String {
        let data = self.data(options, 0);
        let client = client_data("webauthn.get", options);
        let mut signed = data.clone();
        signed.extend(Sha256::digest(&client));
        let signature: Signature = self.key.sign(&signed);
        let id = BASE64.encode(&self.id);
        json!({
            "id": id, "rawId": id, "type": "public-key", "extensions": {},
            "response": {
                "authenticatorData": BASE64.encode(data),
                "clientDataJSON": BASE64.encode(client),
                "signature": BASE64.encode(signature.to_der().as_bytes()),
                "userHandle": BASE64.encode(&self.user),
            },
        })
        .to_string()
    }

    /// Says that it is somebody else's, as no honest authenticator does.
    pub fn claims(&mut self, user: &str) {
        self.user = uuid::Uuid::parse_str(user).expect("an id").as_bytes().to_vec();
    }
}
