// Hands a request on to the backend, wherever BACKEND_URL says it is.
//
// Before Next.js, as its way of doing so costs milliseconds of CPU a request. Every request has a connection of its own: a
// kept one would tie us to one replica, and break with it.
const http = require('node:http');
const https = require('node:https');

const BACKEND = new URL(process.env.BACKEND_URL || 'http://127.0.0.1:8000');
const { request: ask } = BACKEND.protocol === 'https:' ? https : http;
const BIGGEST_BODY = 1024 * 1024;
const SILENCE_MS = 60_000;
const PAUSES_MS = [100, 300, 800];

// Nothing was sent when these happen, so it is safe to try again; after a reset it is for what only reads.
const NOT_SENT = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN']);
const READS = new Set(['GET', 'HEAD']);

// These concern one connection, not the request.
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'te', 'trailer', 'upgrade', 'proxy-authorization', 'expect']);

async function toBackend(request, response, path) {
  const body = await read(request);
  if (body === null) return problem(response, 413, 'that is too much');

  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !HOP_BY_HOP.has(name)));
  delete headers['content-length'];
  headers.host = BACKEND.host;
  if (body.length > 0) headers['content-length'] = body.length;

  for (let attempt = 0; ; attempt++) {
    try {
      return answer(response, await send(request.method, path, headers, body, response));
    } catch ({ code = 'unknown' }) {
      const again = NOT_SENT.has(code) || (code === 'ECONNRESET' && READS.has(request.method));
      if (response.destroyed) return; // whoever asked is gone
      if (!again || attempt === PAUSES_MS.length) {
        console.error(JSON.stringify({ time: new Date(), level: 'error', message: 'no answer from the backend', path: path.split('?')[0], code }));
        return code === 'ETIMEDOUT' ? problem(response, 504, 'the service took too long') : problem(response, 502, 'the service cannot be reached; try again soon');
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSES_MS[attempt]));
    }
  }
}

/** The body whole, as it may have to be sent twice; null if it is too big. */
async function read(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size <= BIGGEST_BODY) parts.push(part);
  }
  return size > BIGGEST_BODY ? null : Buffer.concat(parts);
}

function send(method, path, headers, body, response) {
  return new Promise((resolve, reject) => {
    const options = { hostname: BACKEND.hostname, port: BACKEND.port, method, path, headers, agent: false };
    const outgoing = ask(options, resolve);
    outgoing.setTimeout(SILENCE_MS, () => outgoing.destroy(Object.assign(new Error('silence'), { code: 'ETIMEDOUT' })));
    outgoing.on('error', reject);
    response.once('close', () => outgoing.destroy());
    outgoing.end(body);
  });
}

function answer(response, incoming) {
  response.statusCode = incoming.statusCode;
  for (let i = 0; i < incoming.rawHeaders.length; i += 2) {
    const name = incoming.rawHeaders[i];
    if (!HOP_BY_HOP.has(name.toLowerCase())) response.appendHeader(name, incoming.rawHeaders[i + 1]);
  }
  incoming.on('error', () => response.destroy());
  incoming.pipe(response);
}

function problem(response, status, detail) {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify({ detail }));
}

module.exports = { toBackend };
