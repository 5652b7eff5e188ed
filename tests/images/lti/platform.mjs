// A stand-in for a learning platform, written from the standards LTI 1.3 and 1EdTech Security Framework 1.0: it is not Moodle, Canvas or
// any other. It begins launches, answers the tool's question by a form that posts a signed token, and shows its keys. What it is told
// in platform.json, it reads anew at each question. Whoever opens /course?who=NAME is believed to be NAME.
import * as crypto from 'node:crypto';
import * as fs from 'node:fs';
import * as https from 'node:https';

const folder = '/srv/lti';
const told = () => JSON.parse(fs.readFileSync(`${folder}/platform.json`));
const pair = () => crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const keys = { first: pair(), second: pair(), stranger: pair() };
const shown = (kid) => ({ ...keys[kid].publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' });
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

// `by` is the key that signs, `kid` the name of the key that the token tells. `none` signs nothing, `HS256` with the public key's text.
function signed(claims, { alg = 'RS256', by = 'first', kid = by }) {
  const text = `${part({ alg, typ: 'JWT', kid })}.${part(claims)}`;
  if (alg === 'none') return `${text}.`;
  if (alg === 'HS256') {
    const secret = keys[by].publicKey.export({ type: 'spki', format: 'pem' });
    return `${text}.${crypto.createHmac('sha256', secret).update(text).digest('base64url')}`;
  }
  return `${text}.${crypto.sign('sha256', text, keys[by].privateKey).toString('base64url')}`;
}

function form(address, fields, target, button) {
  const safe = (text) => String(text).replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;');
  const inputs = Object.entries(fields).map(([name, value]) => `<input type="hidden" name="${name}" value="${safe(value)}">`);
  const end = button ? `<button>${button}</button></form>` : '</form><script>document.forms[0].submit()</script>';
  return `<!DOCTYPE html><form method="post" action="${safe(address)}" target="${target}">${inputs.join('')}${end}`;
}

// A page of a course: a button that launches the tool in a new tab, or a frame in which it is launched at once.
function course(question, say) {
  const { issuer, login, target, client, deployment } = told();
  const [who, framed] = [question.get('who'), question.has('frame')];
  const fields = { iss: issuer, login_hint: who, lti_message_hint: 'resource-1', target_link_uri: target, client_id: client, lti_deployment_id: deployment };
  const frame = framed ? '<iframe name="hub" width="1000" height="700"></iframe>' : '';
  say(200, form(login, fields, framed ? 'hub' : '_blank', framed ? '' : 'Open the notebooks').replace('<form', `${frame}<form`), who);
}

// The tool's question, as the standard has it; the answer is a form that submits itself, unless it is to wait for a button.
function authorize(question, say, cookies) {
  const { issuer, redirects, client, people, deployment, target, claims = {}, sign = {}, waits } = told();
  const who = question.get('login_hint');
  const wanted = { response_type: 'id_token', response_mode: 'form_post', scope: 'openid', prompt: 'none', client_id: client, lti_message_hint: 'resource-1' };
  const wrong = Object.keys(wanted).filter((name) => question.get(name) !== wanted[name]);
  if (!redirects.includes(question.get('redirect_uri'))) wrong.push('redirect_uri');
  if (!question.get('nonce')) wrong.push('nonce');
  if (!cookies.includes(`who=${who}`)) wrong.push('login_hint');
  if (wrong.length) return say(400, `The platform refuses: ${wrong.join(', ')}`);
  const now = Math.floor(Date.now() / 1000);
  const claim = 'https://purl.imsglobal.org/spec/lti/claim/';
  const token = {
    iss: issuer, aud: client, azp: client, nonce: question.get('nonce'), iat: now, exp: now + 3600, ...people[who],
    [`${claim}version`]: '1.3.0',
    [`${claim}message_type`]: 'LtiResourceLinkRequest',
    [`${claim}deployment_id`]: deployment,
    [`${claim}target_link_uri`]: target,
    [`${claim}resource_link`]: { id: 'resource-1' },
    [`${claim}roles`]: ['http://purl.imsglobal.org/vocab/lis/v2/membership#Learner'],
  };
  // Other values; null takes one away, and a number of seconds moves a time. `nbf` is one that this platform does not tell by itself.
  for (const [name, value] of Object.entries(claims)) {
    const full = name in token || name === 'nbf' ? name : `${claim}${name}`;
    if (value === null) delete token[full];
    else token[full] = typeof value === 'number' ? now + value : value;
  }
  say(200, form(question.get('redirect_uri'), { id_token: signed(token, sign), state: question.get('state') }, '_self', waits ? 'Go on' : ''));
}

const files = { cert: fs.readFileSync(`${folder}/cert.pem`), key: fs.readFileSync(`${folder}/key.pem`) };
https.createServer(files, (request, response) => {
  const url = new URL(request.url, 'https://platform');
  console.log(request.method, url.pathname);
  const say = (status, text, who) => {
    const type = text.startsWith('{') ? 'application/json' : 'text/html';
    const cookie = who ? { 'Set-Cookie': `who=${who}; Secure; HttpOnly; SameSite=None` } : {};
    response.writeHead(status, { 'Content-Type': type, ...cookie }).end(text);
  };
  // One that is late answers when it is told to be so no longer.
  const answer = () => {
    if ((told().late ?? []).includes(url.pathname)) setTimeout(answer, 100);
    else if (url.pathname === '/course') course(url.searchParams, say);
    else if (url.pathname === '/auth') authorize(url.searchParams, say, (request.headers.cookie ?? '').split('; '));
    else if (url.pathname === '/keys' && told().lost) say(503, 'The keys are not here.');
    else if (url.pathname === '/keys') say(200, JSON.stringify({ keys: (told().keys ?? ['first']).map(shown) }));
    else say(404, 'There is no such page.');
  };
  answer();
}).listen(443, () => console.log('listening'));
