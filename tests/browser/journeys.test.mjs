// Journeys in Chromium on a demo of its own: the chains, keyboard only, no JavaScript; and on every page visited
// axe in light and dark at two widths, no CSP violation, no overflow at 320.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';

const root = path.resolve(import.meta.dirname, '../..');
const axe = fs.readFileSync(path.join(import.meta.dirname, 'node_modules/axe-core/axe.min.js'), 'utf8');
const password = 'sommarregn i Kiruna';
const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
let server, browser, base, folder;
/** Paths seen on the journeys with the person who saw them; the last test looks at each in every way. */
const seen = new Map();

before(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kundportal-browser-'));
  const port = 20000 + (process.pid % 20000);
  // By its name: a browser binds no passkey to a number.
  base = `http://localhost:${port}`;
  const env = { ...process.env, KUNDPORTAL_DATA_DIR: path.join(folder, 'data'), KUNDPORTAL_LISTEN: `127.0.0.1:${port}` };
  delete env.DATABASE_URL;
  server = spawn(path.join(root, 'target/debug/kundportal'), ['demo'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve, reject) => {
    server.on('exit', (code) => reject(new Error(`the demo ended with ${code}`)));
    server.stdout.on('data', (text) => String(text).includes('Ctrl-C') && resolve());
  });
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
});

after(async () => {
  await browser?.close();
  server?.removeAllListeners('exit');
  const ended = server && new Promise((resolve) => server.on('exit', resolve));
  server?.kill('SIGTERM');
  await ended;
  fs.rmSync(folder, { recursive: true, force: true });
});

/** Fails the test on anything the browser complains about; a 4xx page is an answer, not a complaint. */
function strict(page) {
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !/status of 4\d\d/.test(message.text())) throw new Error(message.text());
  });
  // A page left in the middle of a view transition ends it: that is no fault of the page.
  page.on('pageerror', (error) => { if (!/Transition was aborted|Transition was skipped/.test(error.message)) throw error; });
}

async function person(email, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  strict(page);
  page.on('framenavigated', (frame) => frame === page.mainFrame() && frame.url().startsWith(base) && note(frame.url(), email));
  await page.goto(`${base}/logga-in`);
  if (email) {
    await page.fill('#epost', email);
    await page.fill('#losenord', password);
    await page.click('main button[type=submit]');
    await page.waitForURL(/\/(kund|agent|inera|valj-organisation)/);
  }
  return page;
}

function note(url, email) {
  const at = url.slice(base.length).replace(/[?&]klart=[^&]*/, '');
  const shape = at.replace(/BES-\d+-\d+/, 'BES').replace(/[0-9a-f]{64}/, 'LINK').replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID').replace(/\?.*/, '');
  if (!/\/(skickad|logga-ut)$/.test(at)) seen.set(`${email} ${shape}`, [at, email]);
}

/** What axe and a narrow window find at these addresses for whoever is signed in, in both themes and widths; two at a time. */
async function audit(signedIn, ...addresses) {
  const storageState = await signedIn.storageState();
  const both = (width) => Promise.all(['light', 'dark'].map((scheme) => look(storageState, addresses, width, scheme)));
  return [...(await both(1280)), ...(await both(390))].flat();
}

async function look(storageState, addresses, width, colorScheme) {
  const found = [];
  // Without motion: a colour on its way to another has a contrast that nobody reads.
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme, storageState, bypassCSP: true, reducedMotion: 'reduce' });
  const page = await context.newPage();
  strict(page);
  for (const address of addresses) {
    const at = address.slice(base.length);
    await page.goto(address);
    await page.evaluate(axe);
    for (const details of await page.$$('details')) await details.evaluate((element) => { element.open = true; });
    const result = await page.evaluate((values) => window.axe.run(document, { runOnly: { type: 'tag', values } }), tags);
    for (const violation of result.violations) found.push(`${at} ${width} ${colorScheme}: ${violation.id} ${violation.nodes[0].target.join(' ')}`);
    if (width === 390 && colorScheme === 'light') {
      await page.setViewportSize({ width: 320, height: 700 });
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      if (overflow > 0) found.push(`${at} 320: ${overflow} px too wide`);
      await page.setViewportSize({ width: 390, height: 900 });
    }
  }
  await context.close();
  return found;
}

const choose = (page, id) => page.click(`label[for="${id}"]`);
const press = (page, text) => page.click(`main button:has-text("${text}")`);

async function order(page) {
  await page.click('main a:has-text("Beställ tjänst")');
  await page.click('main a:has-text("1177 journal")');
  await press(page, 'Beställ Producent, via agent');
  await choose(page, 'agent-2041');
  await press(page, 'Fortsätt');
  await page.click('main a:has-text("Fortsätt")');
  await press(page, 'Fortsätt');
  assert.match(await page.title(), /^Fel: /);
  await choose(page, 'kontrakt-GetDiagnosis');
  await page.fill('#kontakt_telefon', '070-555 01 42');
  await press(page, 'Fortsätt');
  await choose(page, 'villkor');
  await press(page, 'Skicka beställningen');
  assert.equal(await page.textContent('h1'), 'Beställningen är skickad');
  return (await page.textContent('.kp-ref')).trim().split(/\s/)[0];
}

async function decide(page, choice, promise) {
  await choose(page, `beslut-${choice}`);
  if (promise) {
    await page.selectOption('#attestant', { label: 'Helena Wik, Leveranschef' });
    await choose(page, 'intygar');
  }
  await page.fill('#losenord', password);
  await press(page, 'Bekräfta beslutet');
  await page.waitForSelector('.kp-flash');
}

test('the demo\'s e-legitimation signs in by keyboard alone; a strange one gets a way on', async () => {
  const page = await person('');
  await page.getByRole('link', { name: /^Logga in med test-e-legitimation/ }).focus();
  await page.keyboard.press('Enter');
  await page.waitForURL(/legitimera\/test/);
  await page.getByRole('button', { name: 'Legitimera som Karin Ålund' }).focus();
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/kund\/10482/);
  assert.match(await page.textContent('main h1'), /Start/);
  const strange = await person('', { javaScriptEnabled: false });
  await strange.goto(`${base}/legitimera/test`);
  await strange.fill('#personnummer', '19121212-1212');
  await strange.click('main button:has-text("Legitimera"):not([name])');
  assert.match(await strange.textContent('main h1'), /Vi känner inte igen/);
});

test('an order via agent goes from draft to delivered', async () => {
  const karin = await person('karin@lindangen.example');
  const number = await order(karin);
  await karin.click('text=Följ beställningen');
  await karin.fill('#text', 'Vi vill börja med Diagnos.');
  await press(karin, 'Skicka meddelande');

  const johan = await person('johan@nordjournal.example');
  await johan.click('nav a:has-text("Beställningar från kunder")');
  await johan.fill('#q', 'Lindängen'); // the live filter replaces the list without a page load
  await johan.waitForFunction(() => !document.querySelector('#lista')?.textContent.includes('Västerhav'));
  await johan.click(`a:has-text("${number}")`);
  await decide(johan, 'godkann', true);

  const helena = await person('helena@nordjournal.example');
  await helena.goto(`${base}/agent/2041/attester/${number}`);
  await decide(helena, 'attestera');

  const mats = await person('mats@lindangen.example', { viewport: { width: 390, height: 844 } });
  await mats.goto(`${base}/arende/${number}`);
  await mats.click('text=Läs och attestera');
  await decide(mats, 'attestera');

  const petra = await person('petra@kundservice.example');
  await petra.click(`a:has-text("${number}")`);
  await press(petra, 'Meddela agenten att anslutningen kan börja');
  await johan.goto(`${base}/agent/2041/bestallningar/${number}`);
  await press(johan, 'Vi har påbörjat anslutningen');
  await petra.reload();
  await press(petra, 'Markera som levererad');
  await karin.goto(`${base}/kund/10482`);
  assert.ok(await karin.isVisible('table:has-text("1177 journal") >> text=I drift'));
  await karin.goto(`${base}/kund/10482/aviseringar`);
  await press(karin, 'Markera alla som lästa');
  await karin.goto(`${base}/demo/mejl`);
  assert.ok(await karin.isVisible(`text=${number} är levererad`));
});

test('a direct order works with JavaScript off on a narrow screen', async () => {
  const elsa = await person('elsa@norling.example', { javaScriptEnabled: false, viewport: { width: 390, height: 844 } });
  await elsa.click('main a:has-text("Beställ tjänst")');
  await elsa.click('main a:has-text("Pascal")');
  await press(elsa, 'Beställ');
  await press(elsa, 'Fortsätt');
  await elsa.click('main a:has-text("Fortsätt")');
  await elsa.fill('#kontakt_telefon', '070-555 01 42');
  await press(elsa, 'Fortsätt');
  await choose(elsa, 'villkor');
  await press(elsa, 'Skicka beställningen');
  await elsa.click('main a:has-text("Attestera nu")');
  await decide(elsa, 'attestera');
  assert.match(await elsa.textContent('main'), /Attesterad, hos Inera/);
  const at = new URL(elsa.url()).pathname;
  const petra = await person('petra@kundservice.example', { javaScriptEnabled: false, viewport: { width: 390, height: 844 } });
  await petra.goto(`${base}/inera/bestallningar/${at.split('/').pop()}`);
  await press(petra, 'Påbörja leveransen');
  await press(petra, 'Markera som levererad');
  await elsa.goto(base + at);
  assert.match(await elsa.textContent('main'), /Levererad/);
  await elsa.click('.kp-menu-button');
  assert.ok(await elsa.isVisible('#meny >> text=Beställningar'));
  await elsa.click('[popovertargetaction=hide]');
  await elsa.click('.kp-user');
  await elsa.click('text=Logga ut');
  assert.equal(new URL(elsa.url()).pathname, '/utloggad');
});

/** Tabs until the wanted element has the focus, and looks that it can be seen. */
async function tabTo(page, selector) {
  for (let step = 0; step < 120; step += 1) {
    await page.keyboard.press('Tab');
    const hit = await page.evaluate((wanted) => document.activeElement.matches(wanted), selector);
    const ring = await page.evaluate(() => {
      const element = document.activeElement;
      const box = element.getBoundingClientRect();
      return element === document.body || (getComputedStyle(element).outlineStyle !== 'none' && box.width > 0);
    });
    assert.ok(ring, 'the focus must be seen');
    if (hit) return;
  }
  assert.fail(`the keyboard does not reach ${selector}`);
}

test('an order is sent by keyboard only', async () => {
  const page = await person(null);
  await tabTo(page, '#epost');
  await page.keyboard.type('ylva@vasterhav.example');
  await tabTo(page, '#losenord');
  await page.keyboard.type(password);
  await page.keyboard.press('Enter');
  await page.waitForURL(/kund\/11020$/);
  await tabTo(page, 'main a[href$="/tjanster"]');
  await page.keyboard.press('Enter');
  await page.waitForURL(/tjanster$/);
  await tabTo(page, 'a[href$="/digitalt-mote"]');
  await page.keyboard.press('Enter');
  await page.waitForURL(/digitalt-mote$/);
  await tabTo(page, 'main form button');
  await page.keyboard.press('Enter');
  await page.waitForURL(/anslutning$/);
  await tabTo(page, 'main button[type=submit]:not([name])');
  await page.keyboard.press('Enter');
  await page.waitForURL(/forutsattningar$/);
  await tabTo(page, 'a[href$="/omfattning"]');
  await page.keyboard.press('Enter');
  await page.waitForURL(/omfattning$/);
  await tabTo(page, '#kontakt_telefon');
  await page.keyboard.type('070-555 01 42');
  await tabTo(page, 'main button[type=submit]:not([name])');
  await page.keyboard.press('Enter');
  await page.waitForURL(/granska$/);
  await tabTo(page, '#villkor');
  await page.keyboard.press('Space');
  await tabTo(page, 'main form[action$="/granska"] button');
  await page.keyboard.press('Enter');
  await page.waitForURL(/skickad$/);
  assert.equal(await page.textContent('h1'), 'Beställningen är skickad');
});

test('two sign an agreement, one by keyboard only, one without JavaScript', async () => {
  const mails = await person(null);
  await mails.goto(`${base}/demo/mejl`);
  const links = [...new Set((await mails.textContent('main')).match(/\/signera\/[0-9a-f]{64}/g))];
  assert.equal(links.length, 2);
  const title = async (link) => { await mails.goto(base + link); return mails.textContent('main'); };
  const [birgitta, anders] = (await title(links[0])).includes('Birgitta Sol (du)') ? links : [links[1], links[0]];
  assert.deepEqual(await audit(mails.context(), base + birgitta), []);

  const first = await person(null);
  await first.goto(base + birgitta);
  await tabTo(first, 'a[href^="/legitimera/test"]');
  await first.keyboard.press('Enter');
  await first.waitForURL(/legitimera\/test/);
  await first.getByRole('button', { name: 'Legitimera som Birgitta Sol' }).focus();
  await first.keyboard.press('Enter');
  await first.waitForURL(/\/signera\//);
  assert.deepEqual(await audit(first.context(), base + birgitta), []);
  await tabTo(first, '#beslut-signera');
  await first.keyboard.press('Space');
  await tabTo(first, '#last');
  await first.keyboard.press('Space');
  await tabTo(first, 'main form button[type=submit]');
  await first.keyboard.press('Enter');
  await first.waitForSelector('h1:has-text("din signatur är sparad")');

  const second = await person(null, { javaScriptEnabled: false, viewport: { width: 390, height: 844 } });
  await second.goto(base + anders);
  const legitimates = async (who) => {
    await second.click('a[href^="/legitimera/test"]');
    await second.click(`main button:has-text("Legitimera som ${who}")`);
  };
  await legitimates('Birgitta Sol');
  assert.match(await second.textContent('.kp-errors'), /tillhör inte Anders Ek/);
  await legitimates('Anders Ek');
  await choose(second, 'beslut-signera');
  await choose(second, 'last');
  await press(second, 'Skicka svaret');
  assert.equal(await second.textContent('h1'), 'Avtalet är signerat och gäller');
  assert.deepEqual(await audit(mails.context(), base + anders), []);
  await mails.goto(`${base}/demo/mejl`);
  await mails.waitForFunction(() => document.body.textContent.includes('ditt konto är klart') || (location.reload(), false), null, { polling: 1000 });
});

/** The link of an invitation in the demo's mail viewer, which has the newest first, by whom it was sent to. */
async function invitation(page, email) {
  const link = await page.waitForFunction(async (to) => {
    const mails = (await (await fetch('/demo/mejl')).text()).split('<article');
    return mails.find((text) => text.includes(to) && text.includes('/inbjudan/'))?.match(/\/inbjudan\/[0-9a-f]{64}/)[0];
  }, email, { polling: 300 });
  return link.jsonValue();
}

test('an invited person says yes with e-legitimation, changes organisation, attests as a substitute, and is signed out elsewhere', async () => {
  const karin = await person('karin@lindangen.example');
  await karin.goto(`${base}/kund/10482/tjanster/infektionsverktyget`);
  await karin.click('main button:has-text("Beställ")');
  await press(karin, 'Fortsätt');
  if (/forutsattningar/.test(karin.url())) await karin.click('main a:has-text("Fortsätt")');
  await karin.fill('#kontakt_telefon', '070-555 01 42');
  await press(karin, 'Fortsätt');
  await choose(karin, 'villkor');
  await press(karin, 'Skicka beställningen');
  const number = (await karin.textContent('.kp-ref')).trim().split(/\s/)[0];

  const samira = await person('samira@lindangen.example');
  await samira.goto(`${base}/kund/10482/kontakter`);
  await samira.click('main a:has-text("Bjud in en kontakt")');
  await samira.fill('#namn', 'Elsa Norling');
  await samira.fill('#epost', 'elsa.norling@lindangen.example');
  await samira.fill('#losenord', password);
  await press(samira, 'Skicka inbjudan');
  assert.match(await samira.textContent('.kp-flash'), /Inbjudan är skickad/);

  // Elsa is known by her e-legitimation, from another organisation and with another address.
  const elsa = await person('');
  await elsa.goto(base + (await invitation(elsa, 'elsa.norling@lindangen.example')));
  await elsa.getByRole('link', { name: /^Fortsätt med test-e-legitimation/ }).click();
  await elsa.getByRole('button', { name: 'Legitimera som Elsa Norling' }).click();
  await elsa.waitForURL(/\/inbjudan\//);
  await press(elsa, 'Tacka ja');
  assert.match(await elsa.textContent('.kp-flash'), /Välkommen/);
  await elsa.click('main a:has-text("Norlings Hudmottagning")');
  await elsa.waitForURL(/\/kund\/11204/);
  await elsa.goto(`${base}/valj-organisation`);
  await elsa.click('main a:has-text("Lindängens Vårdcentral")');
  await elsa.waitForURL(/\/kund\/10482/);

  // Samira lets her stand in for Mats, by keyboard.
  await samira.click('main a:text-is("Mats Öberg")');
  await samira.getByRole('link', { name: 'Utse ersättare' }).focus();
  await samira.keyboard.press('Enter');
  await samira.waitForURL(/\/ersattare$/);
  await samira.focus('#ersattare');
  await samira.keyboard.type('Elsa');
  await samira.focus('#till');
  await samira.keyboard.type(new Date(Date.now() + 7 * 86400e3).toISOString().slice(0, 10));
  await samira.focus('#losenord');
  await samira.keyboard.type(password);
  await samira.keyboard.press('Enter');
  await samira.waitForSelector('.kp-flash');
  assert.match(await samira.textContent('main'), /Elsa Norling/);

  // She has never had a password: the decision is confirmed with the e-legitimation.
  await elsa.goto(`${base}/kund/10482/attester`);
  await elsa.click(`main a[href$="${number}/attestera"]`);
  await choose(elsa, 'beslut-attestera');
  await press(elsa, 'Bekräfta med test-e-legitimation');
  await elsa.click('main a:has-text("Legitimera dig nu")');
  await elsa.getByRole('button', { name: 'Legitimera som Elsa Norling' }).click();
  await elsa.waitForSelector('#legitimerad');
  await press(elsa, 'Bekräfta beslutet');
  await elsa.waitForSelector('.kp-flash');
  assert.match(await elsa.textContent('main'), /Elsa Norling \(ersättare för Mats Öberg\)/);

  // From another browser she ends this session: out at the next click.
  const other = await person('elsa@norling.example');
  await other.goto(`${base}/konto`);
  for (let left = await other.locator('main button:has-text("Logga ut")').count(); left > 0; left -= 1) {
    await other.locator('main button:has-text("Logga ut")').first().click();
    await other.waitForSelector('.kp-flash');
  }
  await elsa.click('nav a:has-text("Tjänster")');
  await elsa.waitForURL(/\/logga-in/);

  // For the pages' own checks: an invitation that waits, and the forms of contacts.
  await samira.goto(`${base}/kund/10482/kontakter/bjud-in`);
  await samira.fill('#namn', 'Vera Vänt');
  await samira.fill('#epost', 'vera@lindangen.example');
  await samira.fill('#losenord', password);
  await press(samira, 'Skicka inbjudan');
  await samira.click('main a:text-is("Tove Rask")');
  await samira.click('main a:has-text("Ändra roller")');
  await samira.goBack();
  await samira.click('main a:has-text("Ta bort Tove Rask")');
  const vera = await person('', { javaScriptEnabled: false });
  await vera.goto(base + (await invitation(elsa, 'vera@lindangen.example')));
  const tove = await person('tove@lindangen.example');
  await tove.goto(`${base}/kund/10482/behorighet`);
  const britta = await person('britta@nordjournal.example');
  await britta.goto(`${base}/agent/2041/kontakter`);
  await britta.click('main a:text-is("Johan Brandt")');
  await britta.click('main a:has-text("Ändra roller")');
});

/** What an authenticator app shows for a secret in base32, some half minutes from now. */
function appCode(secret, ahead = 0) {
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + ahead));
  const mac = createHmac('sha1', key).update(step).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1e6).padStart(6, '0');
}

/** Address and password, on the page that is open. */
async function signIn(page, email) {
  await page.goto(`${base}/logga-in`);
  await page.fill('#epost', email);
  await page.fill('#losenord', password);
  await page.click('main button[type=submit]');
  await page.waitForURL((url) => url.pathname !== '/logga-in');
}

/** A browser with an authenticator in it that its owner always opens. */
async function withAuthenticator(viewport) {
  const context = await browser.newContext({ viewport });
  const page = await context.newPage();
  strict(page);
  const cdp = await context.newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  const options = { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true };
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', { options });
  const opens = (isUserVerified) => cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified });
  return { context, page, opens };
}

test('somebody without e-legitimation and password is invited, signs in and attests with a passkey alone', async () => {
  const samira = await person('samira@lindangen.example');
  await samira.goto(`${base}/kund/10482/kontakter/bjud-in`);
  await samira.fill('#namn', 'Ines Moreau');
  await samira.fill('#epost', 'ines@lindangen.example');
  await choose(samira, 'roll-attestant');
  await samira.fill('#losenord', password);
  await press(samira, 'Skicka inbjudan');
  const { context, page: ines, opens } = await withAuthenticator({ width: 390, height: 800 });
  await ines.goto(base + (await invitation(samira, 'ines@lindangen.example')));
  await ines.click('summary:has-text("Skapa ett konto")');
  const found = await audit(context, ines.url());
  await opens(false);
  await press(ines, 'Skapa passnyckel och tacka ja');
  await ines.waitForSelector('[data-passkey-error]:not([hidden])');
  await opens(true);
  await ines.getByRole('button', { name: 'Skapa passnyckel och tacka ja' }).focus();
  await ines.keyboard.press('Enter');
  await ines.waitForSelector('.kp-codes');
  assert.match(await ines.textContent('main'), /Kontot är klart/);
  await ines.click('main a:has-text("Jag har sparat koderna")');
  await ines.waitForURL(/\/kund\/10482/);
  await ines.goto(`${base}/konto/tvasteg`);
  found.push(...await audit(context, ines.url()));

  // Signed in again, on the way to a page, without a word typed.
  await context.clearCookies();
  await ines.goto(`${base}/kund/10482/bestallningar`);
  await ines.waitForURL(/\/logga-in/);
  await ines.getByRole('link', { name: 'Logga in med passnyckel' }).click();
  found.push(...await audit(context, ines.url()));
  await press(ines, 'Fortsätt');
  await ines.waitForURL(/\/kund\/10482\/bestallningar/);

  // There is no password to confirm with: the passkey is shown again.
  // Another order of the same service, by another telephone: the same twice is one.
  const karin = await person('karin@lindangen.example');
  await karin.goto(`${base}/kund/10482/tjanster/infektionsverktyget`);
  await karin.click('main button:has-text("Beställ")');
  await press(karin, 'Fortsätt');
  if (/forutsattningar/.test(karin.url())) await karin.click('main a:has-text("Fortsätt")');
  await karin.fill('#kontakt_telefon', '070-555 01 43');
  await press(karin, 'Fortsätt');
  await choose(karin, 'villkor');
  await press(karin, 'Skicka beställningen');
  const number = (await karin.textContent('.kp-ref')).trim().split(/\s/)[0];
  await ines.goto(`${base}/kund/10482/bestallningar/${number}/attestera`);
  await choose(ines, 'beslut-attestera');
  await press(ines, 'Bekräfta med passnyckel eller kodapp');
  await ines.waitForURL(/\/bekrafta/);
  await press(ines, 'Bekräfta med passnyckel');
  await ines.waitForURL(/#legitimerad/);
  await press(ines, 'Bekräfta beslutet');
  await ines.waitForSelector('.kp-flash');
  assert.match(await ines.textContent('main'), /Bekräftat med passnyckel/);
  assert.deepEqual(found, []);
  await context.close();
});

test('a passkey, an app and a recovery code are second steps of a sign-in', async () => {
  const email = 'gustav@vasterhav.example';
  const { context, page: gustav } = await withAuthenticator({ width: 1280, height: 900 });
  await signIn(gustav, email);
  await gustav.goto(`${base}/konto`);
  await gustav.getByRole('link', { name: 'Lägg till tvåstegsverifiering' }).click();
  const found = [];
  found.push(...await audit(context, gustav.url()));
  // The first one rests on a link in the mail.
  await press(gustav, 'Skicka länk');
  await gustav.waitForSelector('.kp-flash');
  await gustav.goto(await mailed(gustav, '/konto/tvasteg/lank/'));
  found.push(...await audit(context, gustav.url()));
  await press(gustav, 'Fortsätt');
  await gustav.click('main a:has-text("Lägg till passnyckel")');
  found.push(...await audit(context, gustav.url()));
  await gustav.fill('#namn', 'Jobbdatorn');
  await press(gustav, 'Lägg till');
  await gustav.waitForSelector('#losenord-fel');
  assert.equal(await gustav.inputValue('#namn'), 'Jobbdatorn');
  await gustav.fill('#losenord', password);
  await press(gustav, 'Lägg till');
  await gustav.waitForSelector('.kp-codes');
  const codes = await gustav.locator('.kp-codes li').allTextContents();
  assert.equal(codes.length, 10);
  await gustav.click('main a:has-text("Jag har sparat koderna")');
  assert.match(await gustav.textContent('main'), /Jobbdatorn/);

  // The same authenticator again is refused by the browser, in words.
  await gustav.click('main a:has-text("Lägg till passnyckel")');
  await gustav.waitForURL(/passnyckel$/);
  await gustav.fill('#losenord', password);
  await press(gustav, 'Lägg till');
  await gustav.waitForSelector('[data-passkey-error]:not([hidden])');
  assert.match(await gustav.textContent('[data-passkey-error]'), /redan tillagd/);

  // Signed in by password and passkey.
  await context.clearCookies();
  await signIn(gustav, email);
  await gustav.waitForURL(/\/logga-in\/tvasteg/);
  await press(gustav, 'Logga in med passnyckel');
  await gustav.waitForURL(/\/(kund|valj-organisation)/);

  // A decision is confirmed with the passkey, on the way back to what was typed.
  await gustav.goto(`${base}/kund/11020`);
  await gustav.goto(await gustav.locator('a:has-text("Mina roller och ersättare")').first().evaluate((link) => link.href));
  await gustav.click('main a:has-text("Utse ersättare")');
  await gustav.selectOption('#ersattare', { index: 1 });
  const day = new Date(Date.now() + 864e5 * 3).toISOString().slice(0, 10);
  await gustav.fill('#fran', day);
  await gustav.fill('#till', day);
  await press(gustav, 'Bekräfta med passnyckel eller kodapp');
  await gustav.waitForURL(/\/bekrafta/);
  found.push(...await audit(context, gustav.url()));
  await press(gustav, 'Bekräfta med passnyckel');
  await gustav.waitForURL(/#legitimerad/);
  assert.match(await gustav.textContent('#legitimerad'), /Gustav Alm, passnyckel/);
  assert.equal(await gustav.inputValue('#till'), day);
  await press(gustav, 'Utse ersättare');
  await gustav.waitForSelector('.kp-flash');

  // An app too, by keyboard.
  await gustav.goto(`${base}/konto/tvasteg`);
  await gustav.getByRole('link', { name: 'Lägg till kodapp' }).focus();
  await gustav.keyboard.press('Enter');
  await gustav.waitForSelector('.kp-qr');
  found.push(...await audit(context, gustav.url()));
  const secret = (await gustav.textContent('main p .kp-mono')).replaceAll(' ', '');
  await gustav.focus('#kod');
  await gustav.keyboard.type(appCode(secret));
  await gustav.focus('#losenord');
  await gustav.keyboard.type(password);
  await gustav.keyboard.press('Enter');
  await gustav.waitForSelector('.kp-flash');
  await gustav.locator('main a:has-text("Ta bort")').last().click();
  found.push(...await audit(context, gustav.url()));

  // Without JavaScript the app's code and a recovery code do.
  const plain = await browser.newContext({ viewport: { width: 390, height: 800 }, javaScriptEnabled: false });
  const phone = await plain.newPage();
  await signIn(phone, email);
  found.push(...await audit(plain, `${base}/logga-in/tvasteg`));
  await phone.fill('#kod', appCode(secret, 1));
  await phone.click('form:has(#kod) button');
  await phone.waitForURL(/\/(kund|valj-organisation)/);
  await plain.clearCookies();
  await signIn(phone, email);
  await phone.click('summary');
  await phone.fill('#reservkod', codes[0]);
  await phone.click('main button:has-text("Logga in med reservkod")');
  assert.match(await phone.textContent('.kp-flash'), /reservkod/);
  assert.match(await phone.textContent('main'), /9 reservkoder kvar/);
  await phone.click('main a:has-text("Skapa nya reservkoder")');
  await phone.fill('#losenord', password);
  await phone.click('main button:has-text("Skapa nya reservkoder")');
  assert.equal(await phone.locator('.kp-codes li').count(), 10);
  assert.deepEqual(found, []);
});

test('an organisation\'s data and invoices: by keyboard and without JavaScript', async () => {
  const samira = await person('samira@lindangen.example', { javaScriptEnabled: false, viewport: { width: 390, height: 844 } });
  await samira.goto(`${base}/kund/10482/faktura`);
  await samira.check('input[value="standard"]');
  await samira.check('input[value="HSA"]');
  await press(samira, 'Ändra för valda');
  await choose(samira, 'referensval-ny');
  await samira.fill('#referens', 'KST 19121212-1212');
  await press(samira, 'Spara');
  assert.match(await samira.title(), /^Fel: /);
  await samira.fill('#referens', 'KST 4711');
  await press(samira, 'Spara');
  assert.match(await samira.textContent('main'), /KST 4711/);
  await press(samira, 'Uppgifterna stämmer');
  assert.match(await samira.textContent('main'), /Senast kontrollerade/);
  await samira.goto(`${base}/kund/10482/faktura/andra?tjanst=SITHS`);
  await choose(samira, 'adress-ny');
  await samira.fill('#benamning', 'Kort');
  await press(samira, 'Spara');
  assert.equal(await samira.inputValue('#benamning'), 'Kort');
  await samira.goto(`${base}/kund/10482/uppgifter`);
  await samira.click('main a:has-text("Ändra kontaktuppgifter") >> nth=0');
  await samira.fill('#epost', 'ny@lindangen.example');
  await samira.fill('#besoksadress', 'Storgatan 1');
  await press(samira, 'Spara');
  assert.match(await samira.textContent('main'), /ny@lindangen.example väntar på bekräftelse/);
  const reader = await person('');
  await reader.waitForFunction(async () => (await (await fetch('/demo/mejl')).text()).includes('/e-postadress/'), null, { polling: 300 });
  const html = await (await reader.request.get(`${base}/demo/mejl`)).text();
  await reader.goto(base + html.match(/\/e-postadress\/[0-9a-f]+/)[0]);
  await audit(reader.context(), reader.url()).then((found) => assert.deepEqual(found, []));
  await press(reader, 'Bekräfta adressen');
  assert.match(await reader.textContent('main'), /ny@lindangen.example är nu den gemensamma adressen/);
  await samira.goto(`${base}/kund/10482/kontakter/genomgang`);
  await samira.fill('#losenord', password);
  await press(samira, 'Bekräfta genomgången');
  assert.match(await samira.textContent('main'), /Genomgången är sparad/);
  await samira.goto(`${base}/kund/10482/rattigheter`);
  await samira.goto(`${base}/kund/10482/uppgifter/fyra-ogon`);
  const astrid = await person('astrid@kundservice.example');
  await astrid.goto(`${base}/inera/kunder/10482/uppgifter`);
  await astrid.goto(`${base}/inera/kunder/10482/uppgifter/identitet`);
  await astrid.goto(`${base}/inera/kunder/10482/uppgifter/kategori`);
  await astrid.focus('#villkor-publicly_financed');
  await astrid.keyboard.press('Space');
  await astrid.fill('#fran', '2099-01-01');
  await astrid.fill('#losenord', password);
  await astrid.keyboard.press('Enter');
  await astrid.waitForFunction(() => document.title.startsWith('Fel: '));
  assert.equal(await astrid.isChecked('#villkor-publicly_financed'), false);
  const siv = await person('siv@kundservice.example');
  await siv.goto(`${base}/inera/kunder/10482/faktura`);
  await siv.goto(`${base}/inera/rattigheter`);
  const sten = await person('sten@kundservice.example');
  await sten.goto(`${base}/inera/kontakter/genomgang`);
});

test('vårdenheter, a look through a customer\'s eyes, Inera\'s own people and an end: without JavaScript and by keyboard', async () => {
  const samira = await person('samira@lindangen.example', { javaScriptEnabled: false, viewport: { width: 390, height: 844 } });
  await samira.goto(`${base}/kund/10482/enheter`);
  await samira.click('main a:has-text("Lägg till vårdenheter")');
  await samira.fill('#enheter', 'Norr; SE5565594230-N1\nFel');
  await press(samira, 'Lägg till vårdenheterna');
  assert.match(await samira.title(), /^Fel: /);
  await samira.fill('#enheter', 'Norr; SE5565594230-N1\nLabb\tse5565594230-L1');
  await press(samira, 'Lägg till vårdenheterna');
  assert.match(await samira.textContent('main'), /SE5565594230-L1/);
  await samira.click('main a:has-text("Labb")');
  await samira.selectOption('#under', { label: 'Norr' });
  await press(samira, 'Spara vårdenheten');
  await samira.waitForURL(/klart=enheter/);

  // Enter in the order's form goes on; the button fetches what the register has.
  const karin = await person('karin@lindangen.example');
  await karin.goto(`${base}/kund/10482/tjanster`);
  await karin.click('main a:has-text("Webcert Fristående")');
  await karin.click('main form button >> nth=0');
  const scope = karin.url().replace(/anslutning.*/, 'omfattning');
  await karin.goto(scope);
  await karin.focus('#startdatum');
  await karin.keyboard.press('Enter');
  await karin.waitForFunction(() => document.title.startsWith('Fel: '));
  assert.equal(await karin.inputValue('#enhet_namn-1'), '');
  await press(karin, 'Hämta 2 enheter ur registret');
  assert.equal(await karin.inputValue('#enhet_hsa-2'), 'SE5565594230-N1');

  const petra = await person('petra@kundservice.example');
  await petra.goto(`${base}/inera/kunder/10482`);
  await petra.getByRole('link', { name: 'Se sidorna som Karin Ålund' }).focus();
  await petra.keyboard.press('Enter');
  await petra.waitForURL(/se-som/);
  await petra.fill('#anledning', 'Hjälp med beställning');
  await petra.keyboard.press('Enter');
  await petra.waitForURL(`${base}/kund/10482`);
  assert.match(await petra.textContent('.kp-insight'), /Du ser det som Karin Ålund/);
  assert.deepEqual(await audit(petra.context(), `${base}/kund/10482`, `${base}/kund/10482/uppgifter`, scope), []);
  await petra.click('text=Avsluta insynen');
  await petra.waitForURL(/inera\/kunder\/10482/);
  await samira.goto(`${base}/kund/10482/uppgifter`);
  assert.match(await samira.textContent('main'), /Petra Sjögren, Inera, såg sidorna som Karin Ålund/);

  const sten = await person('sten@kundservice.example', { javaScriptEnabled: false });
  await sten.goto(`${base}/inera/kontakter`);
  await sten.click('main a:has-text("Ivar Dahl")');
  await sten.click('main a:has-text("Ändra roller")');
  await choose(sten, 'roll-support');
  await choose(sten, 'roll-sysadmin');
  await sten.fill('#losenord', password);
  await press(sten, 'Spara rollerna');
  assert.match(await sten.textContent('.kp-errors'), /godkänner ingenting/);
  await sten.goto(`${base}/inera/kontakter/bjud-in`);

  const astrid = await person('astrid@kundservice.example', { javaScriptEnabled: false, viewport: { width: 390, height: 844 } });
  await astrid.goto(`${base}/inera/kunder/10733/uppgifter`);
  await astrid.click('main a:has-text("Ange att organisationen upphör")');
  await choose(astrid, 'satt-merged');
  await astrid.fill('#sista', '2027-06-30');
  await astrid.fill('#efterfoljare', '10482');
  await astrid.fill('#losenord', password);
  await press(astrid, 'Spara beslutet');
  assert.match(await astrid.textContent('.kp-errors'), /Lindängens Vårdcentral AB, 10482/);
  await astrid.fill('#losenord', password);
  await press(astrid, 'Spara beslutet');
  assert.match(await astrid.textContent('main'), /Lindängens Vårdcentral AB tar över/);

  const mats = await person('mats@lindangen.example', { javaScriptEnabled: false });
  await mats.goto(`${base}/konto/utseende`);
  await choose(mats, 'tema-morkt');
  await press(mats, 'Spara utseendet');
  assert.equal(await mats.getAttribute('html', 'data-theme'), 'dark');
});

/** The newest address in a mail that begins so. */
async function mailed(page, start) {
  await page.waitForFunction(async (part) => (await (await fetch('/demo/mejl')).text()).includes(part), start, { polling: 300 });
  const html = await (await page.request.get(`${base}/demo/mejl`)).text();
  return base + html.slice(html.indexOf(start)).match(/^[^"<\s]+/)[0];
}

test('asking to become a contact, one\'s own data, two accounts and the way out: without JavaScript and by keyboard', async () => {
  const mails = await person('');
  const asker = await person('', { javaScriptEnabled: false, viewport: { width: 390, height: 844 } });
  await asker.click('main a:has-text("Be om att bli kontakt")');
  await press(asker, 'Skicka länk till min adress');
  assert.match(await asker.title(), /^Fel: /);
  const samira = await person('samira@lindangen.example', { javaScriptEnabled: false, viewport: { width: 390, height: 844 } });
  await samira.goto(`${base}/kund/10482/uppgifter`);
  await asker.fill('#orgnr', (await samira.textContent('main')).match(/\d{6}-\d{4}/)[0]);
  await asker.fill('#namn', 'Bodil Ny');
  await asker.fill('#epost', 'bodil@lindangen.example');
  await asker.fill('#varfor', 'Jag ska beställa Journalen');
  await asker.keyboard.press('Tab');
  await asker.keyboard.press('Enter');
  await asker.waitForSelector('h1:has-text("Titta i din mejl")');
  const ask = await mailed(mails, '/bli-kontakt/');
  await asker.goto(ask);
  await press(asker, 'Skicka till administratörerna');
  assert.match(await asker.textContent('h1'), /skickad/);

  await samira.goto(`${base}/kund/10482`);
  await samira.click('main a:has-text("Bodil Ny vill bli kontakt")');
  await samira.click('main a:has-text("Bjud in Bodil Ny")');
  assert.equal(await samira.inputValue('#epost'), 'bodil@lindangen.example');
  await samira.goto(`${base}/kund/10482/kontakter`);
  await press(samira, 'Säg nej till Bodil Ny');
  await samira.waitForURL(/klart=kontakt-nej/);

  const tove = await person('tove@lindangen.example', { javaScriptEnabled: false, viewport: { width: 390, height: 844 } });
  await tove.goto(`${base}/kund/10482/rattigheter`);
  await samira.click('main a:has-text("Tove Rask")');
  const place = samira.url();
  await tove.goto(place);
  await tove.click('main a:has-text("Ändra kontaktuppgifter")');
  await tove.fill('#telefon', 'ring');
  await press(tove, 'Spara');
  assert.match(await tove.title(), /^Fel: /);
  await tove.fill('#telefon', '070-123 45 67');
  await tove.fill('#epost', 'tove.rask@lindangen.example');
  await press(tove, 'Spara');
  assert.match(await tove.textContent('main'), /tove.rask@lindangen.example väntar på att bekräftas/);
  const address = await mailed(mails, '/kontaktadress/');
  await asker.goto(address);
  await press(tove, 'Dra tillbaka adressen');
  await tove.click('main a:has-text("Lämna organisationen")');
  assert.match(await tove.textContent('h1'), /^Lämna Lindängen/);
  await tove.goto(`${base}/konto/avsluta`);
  await tove.goto(`${base}/konto/epost`);
  await tove.fill('#ny', 'tove@hemma.example');
  await tove.fill('#losenord', password);
  await tove.keyboard.press('Enter');
  await tove.waitForURL(/klart=ny-inloggning/);
  await asker.goto(await mailed(mails, '/inloggningsadress/'));

  const petra = await person('petra@kundservice.example', { javaScriptEnabled: false });
  await petra.goto(place.replace('/kund/', '/inera/kunder/') + '/sla-ihop');
  await petra.fill('#epost', 'anna@norrback.example');
  await petra.fill('#anledning', 'Har ringt från växeln');
  await petra.keyboard.press('Enter');
  await petra.fill('#losenord', password);
  await petra.keyboard.press('Enter');
  await petra.waitForURL(/klart=fraga-konton/);
  const merge = await mailed(mails, '/sammanslagning/');
  await tove.goto(merge);
  assert.match(await tove.textContent('h1'), /Logga in med det andra kontot/);
  const anna = await person('anna@norrback.example', { javaScriptEnabled: false });
  await anna.goto(merge);
  assert.match(await anna.textContent('main'), /Norrbäcks kommun/);
});

test('becoming a customer, from the start page to the first administrator; an account that is blocked', async () => {
  const mails = await person('');
  const narrow = { javaScriptEnabled: false, viewport: { width: 390, height: 844 } };
  const asker = await person(null, narrow);
  await asker.goto(base);
  await asker.click('main a:has-text("Bli kund hos Inera")');
  await press(asker, 'Skicka länk till ansökan');
  assert.match(await asker.title(), /^Fel: /);
  await asker.fill('#namn', 'Göta Berg');
  await asker.fill('#epost', 'gota@gotavard.example');
  await asker.keyboard.press('Enter');
  await asker.waitForSelector('h1:has-text("Titta i din mejl")');
  const link = await mailed(mails, '/bli-kund/');
  await asker.goto(link);
  await press(asker, 'Kontrollera och skicka');
  assert.match(await asker.title(), /^Fel: /);
  const fields = {
    orgnr: '559999-9074', namn: 'Göta Vård AB', adress: 'Storgatan 1', epost: 'info@gotavard.example', telefon: '0771-00 00 01', vard: 'Primärvård',
    adm_namn: 'Ada Min', adm_epost: 'ada@gotavard.example', kontakt_namn: 'Kaj Takt', kontakt_epost: 'kaj@gotavard.example',
    'firm-namn-1': 'Birgitta Sol', 'firm-personnummer-1': '19560412-2381', 'firm-epost-1': 'birgitta@gotavard.example',
  };
  for (const [id, value] of Object.entries(fields)) await asker.fill(`#${id}`, value);
  await asker.selectOption('#kategori', 'privat_vardgivare');
  await asker.selectOption('#regel', '1');
  await choose(asker, 'finansierad-nej');
  await press(asker, 'Spara och fortsätt senare');
  assert.match(await asker.textContent('main'), /Ansökan är sparad/);
  assert.deepEqual(await audit(asker.context(), link), []);
  await press(asker, 'Kontrollera och skicka');
  assert.match(await asker.textContent('main'), /19560412-XXXX/);
  assert.deepEqual(await audit(asker.context(), `${link}/granska`), []);
  await choose(asker, 'intygar');
  await press(asker, 'Skicka ansökan');
  assert.match(await asker.textContent('main'), /Inskickad/);
  assert.deepEqual(await audit(asker.context(), link), []);

  const astrid = await person('astrid@kundservice.example', { javaScriptEnabled: false });
  await astrid.goto(`${base}/inera/ansokningar`);
  await astrid.click('main table a');
  await press(astrid, 'Ta ansökan');
  const here = astrid.url().split('?')[0];
  for (const step of ['komplettera', 'avsla', 'godkann']) await astrid.goto(`${here}/${step}`);
  assert.deepEqual(await audit(astrid.context(), `${here}/godkann`), []);
  for (const check of ['care', 'care_provider', 'no_obstacle', 'signatories']) await choose(astrid, `kontroll-${check}`);
  await astrid.fill('#losenord', password);
  await astrid.keyboard.press('Enter');
  await astrid.waitForURL(/klart=ansokan-godkand/);
  await asker.goto(link);
  assert.match(await asker.textContent('main'), /väntar på signering/);

  const petra = await person('petra@kundservice.example', { javaScriptEnabled: false });
  await petra.goto(`${base}/inera/kunder/10901`);
  await petra.click('main a:has-text("Spärra kontot för Per Lund")');
  await press(petra, 'Spärra kontot');
  assert.match(await petra.title(), /^Fel: /);
  await petra.fill('#anledning', 'Telefonen är stulen');
  await petra.fill('#losenord', password);
  await petra.keyboard.press('Enter');
  await petra.waitForURL(/klart=konto-sparrat/);
  await petra.click('main a:has-text("Öppna kontot för Per Lund")');
  assert.deepEqual(await audit(petra.context(), petra.url()), []);
  await petra.fill('#anledning', 'Har ringt från mottagningen');
  await petra.fill('#losenord', password);
  await petra.keyboard.press('Enter');
  await petra.waitForURL(/klart=konto-oppnat/);
});

test('an agentuppdrag from the form to customers who can choose the agent: without JavaScript, on a phone', async () => {
  const narrow = { javaScriptEnabled: false, viewport: { width: 390, height: 844 } };
  const britta = await person('britta@nordjournal.example', narrow);
  await britta.goto(`${base}/agent/2041`);
  await britta.click('main a:has-text("Till agentuppdragen")');
  await britta.click('main a:has-text("Ansök om agentuppdrag")');
  assert.deepEqual(await audit(britta.context(), britta.url()), []);
  await britta.click('main a:has-text("Ansök om Personuppgiftstjänsten")');
  await press(britta, 'Skicka ansökan');
  assert.match(await britta.title(), /^Fel: /);
  assert.deepEqual(await audit(britta.context(), britta.url()), []);
  const fields = {
    system: 'Nordjournal Person', version: '4.2', 'kundnamn-0': 'Lindängens Vårdcentral', 'kundnr-0': '559999-9017', 'kundnamn-1': 'Vårdbolaget',
    'kundnr-1': '556559-4230', teknik_namn: 'Britta Holm', teknik_epost: 'teknik@nordjournal.example', support: '08-123 45 67',
  };
  for (const [id, value] of Object.entries(fields)) await britta.fill(`#${id}`, value);
  await choose(britta, 'villkor');
  await press(britta, 'Skicka ansökan');
  await britta.waitForURL(/klart=uppdrag-sokt/);
  const own = britta.url().split('?')[0];
  const number = own.split('/').pop();
  assert.deepEqual(await audit(britta.context(), own), []);

  const torsten = await person('torsten@kundservice.example', { javaScriptEnabled: false });
  await torsten.goto(`${base}/inera/uppdrag`);
  await torsten.click(`main table a:has-text("${number}")`);
  const here = torsten.url().split('?')[0];
  for (const step of ['fraga', 'avsla']) assert.deepEqual(await audit(torsten.context(), `${here}/${step}`), []);
  await torsten.goto(`${here}/tillstyrk`);
  await choose(torsten, 'godkand-5599999017');
  await torsten.fill('#losenord', password);
  await torsten.keyboard.press('Enter');
  await torsten.waitForSelector('.kp-errors');
  assert.match(await torsten.textContent('main'), /kräver minst 2 godkända slutkunder/);
  assert.deepEqual(await audit(torsten.context(), `${here}/tillstyrk`), []);
  await choose(torsten, 'godkand-5565594230');
  await torsten.fill('#losenord', password);
  await torsten.keyboard.press('Enter');
  await torsten.waitForURL(/klart=uppdrag-vidare/);

  const helena = await person('helena@nordjournal.example', narrow);
  await helena.goto(`${base}/agent/2041/attester`);
  assert.deepEqual(await audit(helena.context(), helena.url()), []);
  await helena.click(`main a:has-text("Personuppgiftstjänsten")`);
  await helena.click('main a:has-text("Attestera")');
  assert.deepEqual(await audit(helena.context(), helena.url()), []);
  await helena.fill('#losenord', password);
  await helena.keyboard.press('Enter');
  await helena.waitForURL(/klart=uppdrag-ja/);
  await torsten.goto(`${here}/aktivera`);
  await choose(torsten, 'verifierad');
  assert.deepEqual(await audit(torsten.context(), `${here}/aktivera`), []);
  await torsten.fill('#losenord', password);
  await torsten.keyboard.press('Enter');
  await torsten.waitForURL(/klart=uppdrag-aktivt/);
  await britta.goto(`${base}/agent/2041/uppdrag`);
  assert.match(await britta.textContent('main'), /Ingen handläggare/);
  assert.deepEqual(await audit(britta.context(), britta.url()), []);
});

test('Kundservice helps with a contact\'s data and with a first administrator: without JavaScript and by keyboard', async () => {
  const petra = await person('petra@kundservice.example', { javaScriptEnabled: false, viewport: { width: 390, height: 844 } });
  await petra.goto(`${base}/inera/kunder/10901`);
  await petra.click('main a:has-text("Ändra kontaktuppgifter för Anna")');
  await petra.fill('#telefon', '070-555 01 99');
  await petra.keyboard.press('Enter');
  await petra.waitForSelector('.kp-errors');
  assert.match(await petra.title(), /^Fel: /);
  assert.equal(await petra.inputValue('#telefon'), '070-555 01 99');
  assert.deepEqual(await audit(petra.context(), petra.url()), []);
  await petra.fill('#epost', 'anna.ny@norrback.example');
  await petra.fill('#anledning', 'Anna ringde från växeln');
  await petra.keyboard.press('Enter');
  await petra.waitForURL(/klart=ny-adress/);
  await petra.click('main a:has-text("Ändra kontaktuppgifter för Anna")');
  assert.deepEqual(await audit(petra.context(), petra.url()), []);
  await press(petra, 'Dra tillbaka adressen');
  await petra.waitForURL(/klart=/);

  // The only administrator's account is blocked: nobody runs it.
  await petra.goto(`${base}/inera/kunder/11305`);
  const only = await petra.textContent('li:has-text("Administratör") strong');
  await petra.click(`main a:has-text("Spärra kontot för ${only}")`);
  await petra.fill('#anledning', 'Har slutat');
  await petra.fill('#losenord', password);
  await petra.keyboard.press('Enter');
  await petra.click('main a:has-text("Bjud in en administratör")');
  await press(petra, 'Skicka inbjudan');
  assert.match(await petra.title(), /^Fel: /);
  assert.deepEqual(await audit(petra.context(), petra.url()), []);
  await petra.fill('#namn', 'Eva Lind');
  await petra.fill('#epost', 'eva@solbacken.example');
  await petra.fill('#behorighet', 'Ringde växeln, vd bekräftade');
  await petra.fill('#losenord', password);
  await petra.keyboard.press('Enter');
  await petra.waitForSelector('.kp-errors');
  assert.match(await petra.textContent('main'), /Någon annan på Kundservice bjuder in en ny/);
  await petra.goto(`${base}/inera/kunder/11305`);
  assert.match(await petra.textContent('main'), /Ingen administratör/);
  assert.deepEqual(await audit(petra.context(), petra.url()), []);
  await petra.click(`main a:has-text("Öppna kontot för ${only}")`);
  await petra.fill('#anledning', 'Har kommit tillbaka');
  await petra.fill('#losenord', password);
  await petra.keyboard.press('Enter');
  await petra.waitForURL(/klart=konto-oppnat/);
});

test('an error summary takes the focus and its links lead to the fields', async () => {
  const page = await person('ylva@vasterhav.example');
  await page.goto(`${base}/kund/11020/tjanster/digitalt-mote`);
  await page.click('main form button');
  await page.goto(page.url().replace('anslutning', 'omfattning'));
  await page.fill('#startdatum', 'snart');
  await press(page, 'Fortsätt');
  await page.waitForFunction(() => document.activeElement.className === 'kp-errors');
  await page.click('.kp-errors a >> nth=0');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'startdatum');
  assert.equal(await page.inputValue('#startdatum'), 'snart');
});

test('after signing out the back button shows nothing', async () => {
  const page = await person('mats@lindangen.example');
  await page.click('.kp-user');
  await page.click('text=Logga ut');
  await page.waitForURL(`${base}/utloggad`, { waitUntil: 'networkidle' });
  await page.goBack();
  await page.waitForLoadState();
  assert.ok(!(await page.textContent('body')).includes('Lindängens Vårdcentral AB') || page.url().includes('logga-in'));
});

test('every page visited has no axe violation, no overflow and no complaint, in both themes and widths', async () => {
  const more = [
    ['/', null], ['/hjalp', null], ['/tillganglighet', null], ['/personuppgifter', null], ['/kakor', null], ['/tjanster', null], ['/tjanster/1177-journal', null], ['/logga-in', null], ['/finns-inte', null],
    ['/valj-organisation', 'samira@lindangen.example'], ['/konto', 'karin@lindangen.example'], ['/konto/aktivitet', 'karin@lindangen.example'], ['/konto/aviseringar', 'karin@lindangen.example'], ['/konto/mina-uppgifter', 'karin@lindangen.example'], ['/kund/10482/uppgifter', 'karin@lindangen.example'], ['/kund/10482/attester', 'mats@lindangen.example'], ['/kund/10482/bestallningar', 'karin@lindangen.example'],
    ['/kund/10733/tjanster/1177-journal', 'samira@lindangen.example'], ['/agent/2041/godkannanden?vy=avslutade', 'helena@nordjournal.example'], ['/inera/bestallningar', 'petra@kundservice.example'], ['/inera/kunder', 'petra@kundservice.example'], ['/inera/kunder/10482', 'petra@kundservice.example'], ['/inera/mejl', 'petra@kundservice.example'],
    ['/inera/avtal?vy=alla', 'astrid@kundservice.example'], ['/inera/avtal/nytt', 'astrid@kundservice.example'], ['/inera/avtal/KA2-11305', 'astrid@kundservice.example'], ['/kund/10482/avtal', 'karin@lindangen.example'], ['/kund/10482/avtal/KA2-10482', 'karin@lindangen.example'], ['/agent/2041/avtal', 'johan@nordjournal.example'],
  ];
  for (const [at, email] of more) seen.set(`${email} ${at}`, [at, email]);
  const byPerson = Map.groupBy ? Map.groupBy(seen.values(), ([, email]) => email) : [...seen.values()].reduce((map, item) => map.set(item[1], [...(map.get(item[1]) ?? []), item]), new Map());
  const found = [];
  let runs = 0;
  for (const [email, pages] of byPerson) {
    const signedIn = await person(email);
    found.push(...await audit(signedIn.context(), ...pages.map(([at]) => base + at)));
    runs += 4 * pages.length;
  }
  console.log(`${seen.size} pages, ${runs} runs of axe`);
  assert.deepEqual(found, []);
  assert.ok(seen.size > 40);
});

test('axe would find a fault', async () => {
  const page = await (await browser.newContext({ bypassCSP: true })).newPage();
  await page.goto(`${base}/hjalp`);
  await page.evaluate(axe);
  await page.evaluate(() => document.querySelector('main').append(document.createElement('input')));
  const result = await page.evaluate((values) => window.axe.run(document, { runOnly: { type: 'tag', values } }), tags);
  assert.ok(result.violations.some((violation) => violation.id === 'label'));
});
