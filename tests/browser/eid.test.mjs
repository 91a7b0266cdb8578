// Signing in over OpenID Connect against an independent provider (panva's oidc-provider), over HTTP: what must work, and
// every answer that must be refused. The provider's own answers are changed on their way out where a wrong one is needed.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import Provider from 'oidc-provider';

const root = path.resolve(import.meta.dirname, '../..');
const password = 'sommarregn i Kiruna';
const numberClaim = 'https://id.oidc.se/claim/personalIdentityNumber';
const numberScope = 'https://id.oidc.se/scope/naturalPersonNumber';
/** Made up, as in the demo. */
const people = {
  karin: { name: 'Karin Ålund', [numberClaim]: '198503142385' },
  // Somebody whom no account knows, with an address that belongs to somebody else.
  stranger: { name: 'Okänd Person', [numberClaim]: '191212121212', email: 'karin@lindangen.example', email_verified: true },
  birgitta: { name: 'Birgitta Sol', [numberClaim]: '195604122381' },
  // A provider that gives no number: known by the provider's own name for the person.
  'without-number': { name: 'Mats Öberg' },
};
const level = 'http://id.elegnamnden.se/loa/1.0/loa3';
let folder, server, base, issuer, provider, listener, who, tamper, keys;

function key(kid) {
  const { privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' };
}

/** The token with other claims, signed anew: with the provider's key unless another is given. */
function signed(token, changes, jwk = keys[0]) {
  const [header, body] = token.split('.').map((part) => (part.length > 0 ? Buffer.from(part, 'base64url').toString() : ''));
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ ...JSON.parse(header), kid: jwk.kid })}.${part({ ...JSON.parse(body), ...changes })}`;
  const signature = crypto.sign('RSA-SHA256', Buffer.from(text), crypto.createPrivateKey({ key: jwk, format: 'jwk' }));
  return `${text}.${signature.toString('base64url')}`;
}

function makeProvider() {
  const made = new Provider(issuer, {
    clients: [{ client_id: 'kundportalen', client_secret: 'a secret between the two of us', redirect_uris: [`${base}/legitimera/svar`], post_logout_redirect_uris: [`${base}/utloggad`], response_types: ['code'], grant_types: ['authorization_code'] }],
    jwks: { keys },
    cookies: { keys: ['only for this test'] },
    scopes: ['openid', 'offline_access', numberScope],
    claims: { openid: ['sub', 'name', 'email', 'email_verified'], [numberScope]: [numberClaim] },
    conformIdTokenClaims: false,
    acrValues: [level],
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_ctx, interaction) => `/sign-in/${interaction.uid}` },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
    async loadExistingGrant(ctx) {
      const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope(`openid ${numberScope}`);
      await grant.save();
      return grant;
    },
  });
  made.use(async (ctx, next) => {
    await next();
    if (ctx.oidc?.route === 'token' && tamper && ctx.body?.id_token) ctx.body.id_token = tamper(ctx.body.id_token);
  });
  return made;
}

before(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kundportal-eid-'));
  const port = 20000 + ((process.pid + 7000) % 20000);
  base = `http://127.0.0.1:${port}`;
  listener = http.createServer(async (request, response) => {
    if (request.url.startsWith('/sign-in/')) {
      const result = who ? { login: { accountId: who, acr: level } } : { error: 'access_denied' };
      await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
    } else {
      provider.callback()(request, response);
    }
  });
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  issuer = `http://127.0.0.1:${listener.address().port}`;
  keys = [key('first')];
  provider = makeProvider();
  const file = path.join(folder, 'providers.json');
  fs.writeFileSync(file, JSON.stringify([
    { code: 'siths', name: 'SITHS eID', issuer, client_id: 'kundportalen', client_secret: 'a secret between the two of us', acr_values: [level] },
    { code: 'utan-nummer', name: 'En utan personnummer', issuer, client_id: 'kundportalen', client_secret: 'a secret between the two of us', acr_values: [level], number_claim: null },
    { code: 'borta', name: 'En som inte svarar', issuer: 'http://127.0.0.1:9', client_id: 'x' },
  ]));
  const env = { ...process.env, KUNDPORTAL_DATA_DIR: path.join(folder, 'data'), KUNDPORTAL_LISTEN: `127.0.0.1:${port}`, KUNDPORTAL_BASE_URL: base, KUNDPORTAL_EID_PROVIDERS: file };
  delete env.DATABASE_URL;
  server = spawn(path.join(root, 'target/debug/kundportal'), ['demo'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve, reject) => {
    server.on('exit', (code) => reject(new Error(`the demo ended with ${code}`)));
    server.stdout.on('data', (text) => String(text).includes('Ctrl-C') && resolve());
  });
});

after(async () => {
  server?.removeAllListeners('exit');
  const ended = server && new Promise((resolve) => server.on('exit', resolve));
  server?.kill('SIGTERM');
  await ended;
  await new Promise((resolve) => { listener.close(resolve); listener.closeAllConnections(); });
  fs.rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => { who = 'karin'; tamper = undefined; });

/** A browser without a window: keeps cookies for each origin and goes where it is sent. */
class Browser {
  jars = new Map();

  async go(address, { form, stopAt } = {}) {
    let url = new URL(address, base);
    let body = form && new URLSearchParams(form);
    for (let hops = 0; hops < 12; hops += 1) {
      if (stopAt && url.href.includes(stopAt)) return { url };
      const jar = this.jars.get(url.origin) ?? new Map();
      this.jars.set(url.origin, jar);
      const headers = { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; '), 'sec-fetch-site': 'same-origin' };
      const answer = await fetch(url, { method: body ? 'POST' : 'GET', body, headers, redirect: 'manual' });
      for (const line of answer.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
        if (/; *(max-age=0|expires=[^;]* 1970 )/i.test(line)) jar.delete(name); else jar.set(name, value);
      }
      if (answer.status < 300 || answer.status >= 400) return { url, status: answer.status, text: await answer.text() };
      url = new URL(answer.headers.get('location'), url);
      body = undefined;
    }
    throw new Error('too many redirects');
  }

  get cookies() { return this.jars.get(base) ?? new Map(); }

  get isSignedIn() { return this.cookies.has('kp_session'); }
}

const says = (answer, text) => assert.ok(answer.text.includes(text), `${answer.url} ${answer.status}: ${text}\n${answer.text.slice(-1500)}`);

test('an e-legitimation that is connected signs in and leads where one was going', async () => {
  const browser = new Browser();
  says(await browser.go('/logga-in?till=/kund/10482/bestallningar'), 'Logga in med SITHS eID');
  const answer = await browser.go('/legitimera/siths?till=/kund/10482/bestallningar');
  assert.equal(answer.url.pathname, '/kund/10482/bestallningar');
  says(answer, 'Karin Ålund');
  assert.ok(!browser.cookies.has('kp_eid'), 'the visit is over');
});

test('a stranger is not let in, and not taken for whoever has the same e-mail address', async () => {
  who = 'stranger';
  const browser = new Browser();
  const answer = await browser.go('/legitimera/siths');
  assert.equal(answer.status, 403);
  says(answer, 'Vi känner inte igen din e-legitimation');
  assert.ok(!browser.isSignedIn);
});

test('one without a number is connected by the password and then signs in', async () => {
  who = 'without-number';
  const browser = new Browser();
  await browser.go('/logga-in', { form: { epost: 'mats@lindangen.example', losenord: password } });
  const found = await browser.go('/legitimera/utan-nummer?syfte=koppla');
  assert.equal(found.url.pathname, '/konto/e-legitimation');
  says(found, 'Mats Öberg');
  const wrong = await browser.go('/konto/e-legitimation', { form: { losenord: 'fel' } });
  assert.equal(wrong.status, 422);
  says(wrong, 'Lösenordet stämmer inte');
  says(await browser.go('/konto/e-legitimation', { form: { losenord: password } }), 'E-legitimationen är kopplad');
  assert.equal((await new Browser().go('/legitimera/siths')).status, 403, 'a number that is promised must be there');
  const another = new Browser();
  says(await another.go('/legitimera/utan-nummer'), 'Mats Öberg');
  // Nobody else can have it.
  const third = new Browser();
  await third.go('/logga-in', { form: { epost: 'johan@nordjournal.example', losenord: password } });
  await third.go('/legitimera/utan-nummer?syfte=koppla');
  const taken = await third.go('/konto/e-legitimation', { form: { losenord: password } });
  assert.equal(taken.status, 409);
  says(taken, 'redan kopplad till ett annat konto');
});

test('a decision is confirmed by being identified anew, and not by an old identification', async () => {
  who = 'without-number';
  const browser = new Browser();
  await browser.go('/legitimera/utan-nummer');
  const path = '/kund/10482/bestallningar/BES-2026-000002/attestera';
  const hidden = (page, name) => new RegExp(`name="${name}" value="([^"]*)"`).exec(page.text)[1];
  const fields = async (at = path) => {
    const page = await browser.go(at);
    return { page, form: { revision: hidden(page, 'revision'), visat: hidden(page, 'visat'), beslut: 'atersand', motivering: 'Fel fakturareferens' } };
  };
  const { form } = await fields();
  const departing = await browser.go(path, { form: { ...form, legitimera: 'utan-nummer' } });
  says(departing, 'Det du har fyllt i är kvar');
  const away = /href="(\/legitimera\/utan-nummer[^"]*)"/.exec(departing.text)[1].replaceAll('&amp;', '&').replaceAll('&#38;', '&');
  tamper = (token) => signed(token, { auth_time: Math.floor(Date.now() / 1000) - 3600 });
  assert.equal((await browser.go(away)).status, 403);
  tamper = (token) => signed(token, { auth_time: undefined });
  assert.equal((await browser.go(away)).status, 403);
  tamper = undefined;
  const back = await browser.go(away);
  says(back, 'Du har bekräftat att det är du');
  says(back, 'Fel fakturareferens');
  says(await browser.go(path, { form: { ...form, ...(await fields(back.url.href)).form } }), 'Beställningen är tillbakasänd');
});

for (const [name, change] of [
  ['the wrong nonce', () => ({ nonce: 'another visit' })],
  ['no nonce', () => ({ nonce: undefined })],
  ['another audience', () => ({ aud: 'another portal' })],
  ['one audience too many', () => ({ aud: ['kundportalen', 'another portal'] })],
  ['another issuer', () => ({ iss: 'https://issuer.example' })],
  ['an expired token', () => ({ exp: Math.floor(Date.now() / 1000) - 3600 })],
  ['too low a level', () => ({ acr: 'http://id.elegnamnden.se/loa/1.0/loa1' })],
]) {
  test(`an answer with ${name} is refused with a page that says what to do`, async () => {
    tamper = (token) => signed(token, change());
    const browser = new Browser();
    const answer = await browser.go('/legitimera/siths');
    assert.equal(answer.status, 403);
    says(answer, 'Svaret från SITHS eID gick inte att kontrollera, så ingen är inloggad.');
    assert.ok(!browser.isSignedIn);
  });
}

test('the same token untouched is accepted, so that it is the change that was refused', async () => {
  tamper = (token) => signed(token, {});
  const browser = new Browser();
  await browser.go('/legitimera/siths');
  assert.ok(browser.isSignedIn);
});

test('a token of an unknown key, of no key, or changed after it was signed is refused', async () => {
  for (const change of [
    (token) => signed(token, {}, key('unknown')),
    (token) => signed(token, {}, { ...key('unknown'), kid: keys[0].kid }),
    (token) => `${Buffer.from('{"alg":"none"}').toString('base64url')}.${token.split('.')[1]}.`,
    (token) => [token.split('.')[0], Buffer.from(Buffer.from(token.split('.')[1], 'base64url').toString().replace('karin', 'other')).toString('base64url'), token.split('.')[2]].join('.'),
  ]) {
    tamper = change;
    const browser = new Browser();
    assert.equal((await browser.go('/legitimera/siths')).status, 403);
    assert.ok(!browser.isSignedIn);
  }
});

test('a signatory signs with an e-legitimation of their own, and nobody else does', async () => {
  const mails = await new Browser().go('/demo/mejl');
  const links = [...new Set(mails.text.match(/\/signera\/[0-9a-f]{64}/g))];
  const texts = await Promise.all(links.map(async (link) => (await new Browser().go(link)).text));
  const link = links[texts.findIndex((text) => text.includes('Birgitta Sol (du)'))];
  const legitimates = async (browser, provider) => {
    const page = await browser.go(`/legitimera/${provider}?syfte=bekrafta&till=${link}`);
    assert.equal(page.url.pathname, link);
    return page;
  };
  who = 'birgitta';
  const browser = new Browser();
  const page = await legitimates(browser, 'siths');
  says(page, 'Du har legitimerat dig: Birgitta Sol, SITHS eID');
  assert.ok(!page.text.includes('2381'));
  const form = { visat: /name="visat" value="([^"]*)"/.exec(page.text)[1], beslut: 'signera', last: 'ja' };
  // Somebody else, and somebody whose number the provider does not tell: told at once, and refused whatever they send.
  for (const [name, provider] of [['karin', 'siths'], ['birgitta', 'utan-nummer']]) {
    who = name;
    const other = new Browser();
    for (const answer of [await legitimates(other, provider), await other.go(link, { form })]) {
      assert.equal(answer.status, 422);
      says(answer, 'tillhör inte Birgitta Sol');
    }
  }
  // Another browser has not legitimated.
  const without = await new Browser().go(link, { form });
  assert.equal(without.status, 422);
  says(without, 'Legitimera dig igen');
  says(await browser.go(link, { form }), 'din signatur är sparad');
  assert.ok(!browser.cookies.has('kp_eid'), 'used up');
});

test('an answer counts once, in the browser that asked, for the visit that asked', async () => {
  const browser = new Browser();
  const { url } = await browser.go('/legitimera/siths', { stopAt: '/legitimera/svar' });
  // Another browser that got hold of the address.
  const thief = new Browser();
  const stolen = await thief.go(url.href);
  assert.equal(stolen.status, 403);
  says(stolen, 'Legitimeringen hann bli för gammal');
  // A browser on another visit of its own.
  await thief.go('/legitimera/siths', { stopAt: '/legitimera/svar' });
  assert.equal((await thief.go(url.href)).status, 403);
  // State and issuer of others.
  const other = new Browser();
  const mine = (await other.go('/legitimera/siths', { stopAt: '/legitimera/svar' })).url;
  const mixed = new URL(mine);
  mixed.searchParams.set('iss', 'https://issuer.example');
  assert.equal((await other.go(mixed.href)).status, 403);
  assert.ok(!thief.isSignedIn && !other.isSignedIn);
  // The browser itself: once.
  const visit = browser.cookies.get('kp_eid');
  await browser.go(url.href);
  assert.ok(browser.isSignedIn);
  const again = new Browser();
  again.jars.set(base, new Map([['kp_eid', visit]]));
  assert.equal((await again.go(url.href)).status, 403);
  assert.ok(!again.isSignedIn);
});

test('new keys of the provider are found, and the old ones no longer hold', async () => {
  const old = keys[0];
  keys = [key('second')];
  provider = makeProvider();
  const browser = new Browser();
  await browser.go('/legitimera/siths');
  assert.ok(browser.isSignedIn);
  tamper = (token) => signed(token, {}, old);
  assert.equal((await new Browser().go('/legitimera/siths')).status, 403);
});

test('who breaks off, and a provider that does not answer, get a page with a way on', async () => {
  who = undefined;
  const broken = await new Browser().go('/legitimera/siths');
  says(broken, 'Ingen är inloggad');
  const away = await new Browser().go('/legitimera/borta');
  assert.equal(away.status, 503);
  says(away, 'svarar inte just nu');
  assert.equal((await new Browser().go('/legitimera/finns-inte')).status, 404);
});

test('signing out shows the way to sign out at the provider too, and leads back', async () => {
  const browser = new Browser();
  await browser.go('/legitimera/siths?till=/kund/10482');
  assert.ok(browser.isSignedIn);
  // The provider remembers: signing in again asks for nothing.
  who = undefined;
  const out = await browser.go('/logga-ut', { form: {} });
  assert.equal(out.url.pathname, '/utloggad/siths');
  says(out, 'Logga ut från SITHS eID');
  assert.ok(!browser.isSignedIn);
  const link = /href="([^"]*session\/end[^"]*)"/.exec(out.text)[1].replaceAll('&#38;', '&').replaceAll('&amp;', '&');
  assert.ok(!link.includes('id_token_hint') && link.includes('client_id=kundportalen'), link);
  const there = await browser.go(link);
  const form = { xsrf: /name="xsrf" value="([^"]*)"/.exec(there.text)[1], logout: 'yes' };
  const back = await browser.go(/action="([^"]*)"/.exec(there.text)[1], { form });
  assert.equal(back.url.href, `${base}/utloggad`);
  // Not signed in there any more: it asks, and gets no answer.
  const again = await browser.go('/legitimera/siths?till=/kund/10482');
  assert.ok(!browser.isSignedIn, again.url.href);
});

test('a provider that does not answer does not stop anybody from signing out', async () => {
  const answer = await new Browser().go('/utloggad/borta');
  assert.equal(answer.status, 200);
  says(answer, 'Du är utloggad');
  assert.equal((await new Browser().go('/utloggad/finns-inte')).status, 404);
});
