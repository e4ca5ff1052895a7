// Uses a running Todo Chatbot as a person would, in a real browser: sign up, add, complete, edit, delete, chat, log in again.
//
//   node check.mjs [BASE_URL] [FOLDER]   the frontend, by default $BASE_URL or http://127.0.0.1:3000; screenshots go to FOLDER
//
// The browser: $CHROMIUM, else the first Chromium or Chrome on the PATH. Exits 0, 1 naming what failed, 3 where there is none.
import { accessSync, constants, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';

const base = (process.argv[2] ?? process.env.BASE_URL ?? 'http://127.0.0.1:3000').replace(/\/$/, '');
const folder = process.argv[3];
const email = `browser-${Date.now().toString(36)}@example.org`;
const password = 'correct horse battery';

function browserPath() {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];
  const places = (process.env.PATH ?? '').split(delimiter).flatMap((place) => names.map((name) => join(place, name)));
  return [process.env.CHROMIUM, ...places].find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

const executablePath = browserPath();
if (!executablePath) {
  console.log('skipped: there is no Chromium here; install one, or name it in CHROMIUM');
  process.exit(3);
}
if (folder) mkdirSync(folder, { recursive: true });

const browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
const page = await browser.newPage({ viewport: { width: 1180, height: 760 } });
page.setDefaultTimeout(15_000);
const broken = [];
page.on('pageerror', (error) => broken.push(`error in the page: ${error.message}`));
page.on('console', (message) => message.type() === 'error' && !/status of 4\d\d/.test(message.text()) && broken.push(`console: ${message.text()}`));

const button = (name) => page.getByRole('button', { name, exact: true });
const item = (title) => page.getByRole('checkbox', { name: title, exact: true });
const shoot = (name) => folder && page.screenshot({ path: join(folder, `${name}.png`) });

async function enter(kind) {
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(password);
  await button(kind).click();
  await page.getByRole('heading', { name: 'Your todos' }).waitFor();
}

async function say(words, expected) {
  await page.getByLabel('Message').fill(words);
  await button('Send').click();
  await page.getByRole('log').getByText(expected).last().waitFor();
}

const steps = {
  async 'a stranger is sent to log in'() {
    await page.goto(base);
    await page.waitForURL('**/login');
    await shoot('login');
  },
  async 'sign up'() {
    await page.getByRole('link', { name: 'Sign up' }).click();
    await page.waitForURL('**/signup');
    await shoot('signup');
    await enter('Sign up');
    await page.getByText('Nothing here yet').waitFor();
  },
  async add() {
    for (const title of ['Buy milk', 'Call the bank']) {
      await page.getByLabel('New todo').fill(title);
      await page.getByLabel('New todo').press('Enter');
      await item(title).waitFor();
    }
  },
  async complete() {
    await item('Buy milk').click();
    await page.locator('[data-done=true]', { hasText: 'Buy milk' }).waitFor();
    await page.getByText('1 open').waitFor();
  },
  async edit() {
    await button('Edit Call the bank').click();
    await page.getByLabel('New title for Call the bank').fill('Call the new bank');
    await button('Save').click();
    await item('Call the new bank').waitFor();
  },
  async chat() {
    await say('add water the plants', 'Added “water the plants”');
    await item('water the plants').waitFor();
    await say('water the plants is done', 'Completed “water the plants”');
    await page.locator('[data-done=true]', { hasText: 'water the plants' }).waitFor();
    await say('what is left?', 'You have 1 todo open');
    await shoot('todos');
  },
  async delete() {
    await button('Delete Buy milk').click();
    await item('Buy milk').waitFor({ state: 'detached' });
  },
  async 'log in again, and find everything'() {
    await button('Log out').click();
    await page.waitForURL('**/login');
    await page.getByLabel('Email').fill(email);
    await page.getByLabel('Password').fill('a wrong one');
    await button('Log in').click();
    await page.getByText('Email or password is wrong.').waitFor();
    await shoot('refused');
    await enter('Log in');
    await item('Call the new bank').waitFor();
    await page.setViewportSize({ width: 390, height: 800 });
    await shoot('phone');
  },
  async 'no error in the page'() {
    if (broken.length) throw new Error('there was one');
  },
};

let failed = null;
for (const [name, step] of Object.entries(steps)) {
  try {
    await step();
    console.log(`ok    ${name}`);
  } catch (error) {
    failed = name;
    console.log(`FAIL  ${name}: ${[error.message.split('\n')[0], ...broken].join('; ')}`);
    await shoot('failed')?.catch(() => {});
    break; // each step builds on the one before
  }
}
await browser.close();
const count = Object.keys(steps).length;
console.log(failed ? `failed: ${failed}` : `${count} passed, 0 failed`);
process.exit(failed ? 1 : 0);
