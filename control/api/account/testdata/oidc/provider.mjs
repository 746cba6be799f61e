// A real OpenID Connect provider for the tests of package account: it says on its first
// line where it is, and knows whoever signs in by the name that they type.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'stentor', client_secret: process.env.CLIENT_SECRET, redirect_uris: [process.env.REDIRECT],
      token_endpoint_auth_method: process.env.CLIENT_AUTH || 'client_secret_basic',
    }],
    pkce: { required: () => true },
    claims: { openid: ['sub'], profile: ['name', 'preferred_username', 'groups'], email: ['email'] },
    conformIdTokenClaims: process.env.CONFORM !== 'no', // yes: names are at userinfo alone, as the specification has it
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({
        sub: id, name: `Name of ${id}`, preferred_username: id, email: `${id}@example.org`,
        groups: id === 'root' ? ['staff', 'stentor-admins'] : ['staff'],
      }),
    }),
    cookies: { keys: ['a key of this test'] },
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
process.stdin.on('end', () => process.exit(0)).resume(); // with the test that started it
