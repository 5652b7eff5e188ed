// An OpenID Connect provider: npm's certified oidc-provider, for the client and the people of /srv/identity/provider.json. People are
// read anew at each question; whoever types the name of one of them is believed, whatever the password.
import * as fs from 'node:fs';
import * as https from 'node:https';
import { Provider } from 'oidc-provider';

const folder = process.argv[2] ?? '/srv/identity';
const told = () => JSON.parse(fs.readFileSync(`${folder}/provider.json`));
const { issuer, clients, port, jwks, ttl } = told();

const provider = new Provider(issuer, {
  clients,
  claims: { openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'] },
  cookies: { keys: ['tests'] },
  ...(jwks && { jwks }),
  ...(ttl && { ttl: { AccessToken: ttl } }),
  features: { rpInitiatedLogout: { enabled: true } },
  findAccount(_, id) {
    const claims = told().people[id];
    return claims && { accountId: id, claims: async () => ({ sub: id, ...claims }) };
  },
});
const files = { cert: fs.readFileSync(`${folder}/cert.pem`), key: fs.readFileSync(`${folder}/key.pem`) };
const answer = provider.callback();
https.createServer(files, (request, response) => {
  // One that is to go down does so as soon as it has sent somebody back to the hub.
  response.on('finish', () => told().leaves && clients[0].redirect_uris.some((uri) => `${response.getHeader('location')}`.startsWith(uri)) && process.exit());
  const path = request.url.split('?')[0];
  console.log(request.method, path);
  // One that is late answers the hub when it is told to be so no longer.
  const late = () => ((told().late ?? []).includes(path) ? setTimeout(late, 100) : answer(request, response));
  late();
}).listen(port ?? 443, () => console.log('listening'));
