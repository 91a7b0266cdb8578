import { chromium } from 'playwright-core';
const b=await chromium.launch({executablePath:'/usr/bin/chromium',args:['--headless','--no-sandbox','--disable-gpu','--disable-quic','--no-first-run','--disable-background-networking','--disable-component-update','--disable-sync']});
const U=process.env.BASE||'http://127.0.0.1:3000';
const PW='sommarregn i Kiruna';
async function login(email,opt={}){const c=await b.newContext({viewport:{width:1280,height:900},...opt});const p=await c.newPage();p.on('console',m=>['error','warning'].includes(m.type())&&console.log(email,m.text()));p.on('pageerror',e=>console.log('PE',e));await p.goto(U+'/logga-in');await p.fill('#epost',email);await p.fill('#losenord',PW);await p.click('main button[type=submit]');return p;}
async function shot(p,n){await p.screenshot({path:`/tmp/w/shots/${n}.png`,fullPage:true});}
async function h(p,w){const t=await p.textContent('h1').catch(()=>'(no h1)');console.log(w,p.url().replace(U,''),'|',t);}
const k=await login('karin@lindangen.example'); await h(k,'karin'); await shot(k,'start');
await k.click('text=Beställ tjänst'); await h(k,'services'); await shot(k,'services');
await k.click('a:has-text("1177 journal")'); await h(k,'service'); await shot(k,'service');
await k.click('button:has-text("Beställ Producent, via agent")'); await h(k,'conn'); 
await k.click('label[for="agent-2041"]'); await shot(k,'conn'); await k.click('button:has-text("Fortsätt")'); await h(k,'cond'); await shot(k,'cond');
await k.click('a:has-text("Fortsätt")'); await h(k,'scope'); await k.click('button:has-text("Fortsätt")'); await h(k,'scope err'); await shot(k,'scope-err');
await k.click('label[for="kontrakt-GetDiagnosis"]'); await k.click('label[for="kontrakt-GetCareDocumentation"]'); await k.fill('#kontakt_telefon','070-555 01 42'); await k.fill('#startdatum','2027-03-01'); await shot(k,'scope'); await k.click('button:has-text("Fortsätt")'); await h(k,'review'); await shot(k,'review');
await k.click('label[for="villkor"]'); await k.click('button:has-text("Skicka beställningen")'); await h(k,'sent'); await shot(k,'sent');
const num=(await k.textContent('.kp-ref')).trim().split(' ')[0]; console.log(num);
await k.click('text=Följ beställningen'); await h(k,'order'); await shot(k,'order');
const j=await login('johan@nordjournal.example'); await h(j,'johan'); await shot(j,'agent-start'); await j.click('nav >> text=Beställningar från kunder'); await h(j,'inbox'); await shot(j,'inbox');
await j.click(`a:has-text("${num}")`); await h(j,'review'); await shot(j,'agent-review');
await j.click('label[for="beslut-godkann"]'); await j.click('label[for="intygar"]'); await j.fill('#losenord',PW); await j.click('button:has-text("Bekräfta beslutet")'); await h(j,'reviewed'); await shot(j,'agent-order');
const he=await login('helena@nordjournal.example'); await he.click('nav >> text=Att attestera'); await h(he,'attests'); await shot(he,'attests');await he.click(`li:has-text("${num}") a`).catch(async e=>{console.log('no attest', String(e).slice(0,100))}); await h(he,'attest');
await he.click('label[for="beslut-attestera"]'); await he.fill('#losenord',PW); await he.click('button:has-text("Bekräfta beslutet")'); await h(he,'attested');
const m=await login('mats@lindangen.example',{viewport:{width:390,height:844}}); await h(m,'mats'); await shot(m,'mats-start-390'); await m.goto(U+'/arende/'+num); await h(m,'case'); await m.click('text=Läs och attestera'); await shot(m,'attest-390'); await m.click('label[for="beslut-attestera"]'); await m.fill('#losenord','fel'); await m.click('button:has-text("Bekräfta beslutet")'); await h(m,'wrong pw'); await shot(m,'attest-err-390'); await m.click('label[for="beslut-attestera"]'); await m.fill('#losenord',PW); await m.click('button:has-text("Bekräfta beslutet")'); await h(m,'attested'); await shot(m,'order-390');
const p=await login('petra@kundservice.example'); await h(p,'petra'); await shot(p,'staff-start'); await p.goto(U+'/inera/bestallningar/'+num); await shot(p,'staff-order'); for (const t of ['Meddela agenten','Notera att agenten','Markera som levererad']) { await p.click(`button:has-text("${t}")`); await h(p,t);} 
await shot(p,'staff-done');
await p.goto(U+'/inera/kunder/10482'); await shot(p,'staff-customer');
await k.reload(); await shot(k,'order-done'); await k.goto(U+'/kund/10482/aviseringar'); await shot(k,'notices'); await k.goto(U+'/demo/mejl'); await shot(k,'mails'); await k.goto(U+'/kund/10482/bestallningar'); await shot(k,'list'); await k.goto(U+'/kund/10482/uppgifter'); await shot(k,'org'); await k.goto(U+'/konto'); await shot(k,'konto');
await b.close();
