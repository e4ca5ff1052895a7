// Starts Next.js's standalone server behind a door of our own, which answers what is not a page and leaves in good order.
//
// `/api/*` and `/mcp` go to the backend. `/api/health` is Next.js's to answer until it has done so once; then it is known to
// serve, and the door answers. On SIGTERM we go on serving for a few seconds, as until then proxies may still send to us, and
// close every connection with its next answer; then we stop listening, finish what is under way, and end with 0.
const http = require('node:http');
const { toBackend } = require('./proxy.cjs');

const LEAVE_AFTER_MS = 1000 * Number(process.env.LEAVE_AFTER_SECONDS || 5);
const GIVE_UP_AFTER_MS = 10_000;
const HEALTH = JSON.stringify({ status: 'ok', version: process.env.APP_VERSION || 'dev' });
const servers = new Set();
let leaving = false;
let serving = false; // Next.js has answered

process.env.NEXT_MANUAL_SIG_HANDLE = 'true'; // Next.js would end at once
process.env.HOSTNAME = process.env.LISTEN_ON || '0.0.0.0'; // containers set it to their name, and Next.js listens there
process.env.KEEP_ALIVE_TIMEOUT ||= '65000'; // longer than those of the proxies before us, so that they close first

const createServer = http.createServer;
http.createServer = (next) => {
  const server = createServer((request, response) => {
    if (leaving) response.setHeader('Connection', 'close');
    door(request, response, next);
  });
  servers.add(server);
  return server;
};

function door(request, response, next) {
  const path = request.url.split('?', 1)[0];
  if (path === '/api/health') {
    if (serving) return response.writeHead(200, { 'Content-Type': 'application/json' }).end(HEALTH);
    response.once('finish', () => (serving ||= response.statusCode === 200));
    return next(request, response);
  }
  const inner = path.startsWith('/api/') ? request.url.slice('/api'.length) : path === '/mcp' ? request.url : null;
  if (inner === null) return next(request, response);
  toBackend(request, response, inner).catch(() => response.destroy()); // whoever asked is gone
}

function leave() {
  if (leaving) process.exit(0); // told twice: at once
  leaving = true;
  console.log(JSON.stringify({ time: new Date(), level: 'info', message: 'leaving', in_ms: LEAVE_AFTER_MS }));
  setTimeout(() => {
    setTimeout(() => process.exit(1), GIVE_UP_AFTER_MS).unref();
    let open = servers.size;
    for (const server of servers) {
      server.close(() => --open || process.exit(0));
      server.closeIdleConnections();
    }
  }, LEAVE_AFTER_MS);
}

process.on('SIGTERM', leave);
process.on('SIGINT', () => process.exit(0));

require(process.argv[2] ?? './server.js');
