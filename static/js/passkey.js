// Passkeys: a form with data-passkey asks the browser for one before it is sent. Without this file the page offers other ways.
const decode = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const encode = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const named = (list) => (list ?? []).map((item) => ({ ...item, id: decode(item.id) }));

async function made(options) {
  const publicKey = { ...options, challenge: decode(options.challenge), user: { ...options.user, id: decode(options.user.id) }, excludeCredentials: named(options.excludeCredentials) };
  const made = await navigator.credentials.create({ publicKey });
  return {
    id: made.id, rawId: encode(made.rawId), type: made.type, extensions: {},
    response: { attestationObject: encode(made.response.attestationObject), clientDataJSON: encode(made.response.clientDataJSON) },
  };
}

async function shown(options) {
  const publicKey = { ...options, challenge: decode(options.challenge), allowCredentials: named(options.allowCredentials) };
  const shown = await navigator.credentials.get({ publicKey });
  const { authenticatorData, clientDataJSON, signature, userHandle } = shown.response;
  return {
    id: shown.id, rawId: encode(shown.rawId), type: shown.type, extensions: {},
    response: { authenticatorData: encode(authenticatorData), clientDataJSON: encode(clientDataJSON), signature: encode(signature), userHandle: userHandle ? encode(userHandle) : null },
  };
}

/** What to say for the browser's no: it does not tell a wish to stop from a time that ran out. */
function said(error) {
  if (error.name === "InvalidStateError") return "Den passnyckeln är redan tillagd.";
  if (error.name === "NotAllowedError") return "Det blev avbrutet eller tog för lång tid. Försök igen, eller välj ett annat sätt.";
  return "Webbläsaren kunde inte använda en passnyckel. Välj ett annat sätt.";
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const fault = form.querySelector("[data-passkey-error]");
  form.addEventListener("submit", async (event) => {
    // What is sure to come back asks for nothing: each answer of an authenticator leaves a passkey in it.
    if (form.elements.losenord?.value === "") return;
    event.preventDefault();
    // Its question is too old to be answered, and a passkey made now would be of no use.
    if (performance.now() > 570_000) {
      fault.textContent = "Sidan har varit öppen för länge. Läs in den på nytt och försök igen.";
      fault.hidden = false;
      return;
    }
    fault.hidden = true;
    document.querySelectorAll(".kp-errors, [data-passkey] .kp-error:not([data-passkey-error])").forEach((old) => old.remove());
    try {
      const { publicKey } = JSON.parse(form.dataset.options);
      const answer = await (form.dataset.passkey === "create" ? made : shown)(publicKey);
      form.elements.svar.value = JSON.stringify(answer);
      form.submit();
    } catch (error) {
      fault.textContent = said(error);
      fault.hidden = false;
    }
  });
}
