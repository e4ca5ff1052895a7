'use client';
import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { useState, type FormEvent } from 'react';
import { api, messageOf } from '@/lib/api';
import { keepSession, type Session } from '@/lib/session';
import { Brand } from './Brand';

const WORDS = {
  signup: { title: 'Make an account', button: 'Sign up', busy: 'Signing up…', other: 'Have one already?', link: 'Log in', href: '/login' },
  login: { title: 'Welcome back', button: 'Log in', busy: 'Logging in…', other: 'New here?', link: 'Sign up', href: '/signup' },
};

export function AccountForm({ kind }: { kind: 'signup' | 'login' }) {
  const words = WORDS[kind];
  const router = useRouter();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      keepSession(await api<Session>('POST', `/${kind}`, Object.fromEntries(new FormData(event.currentTarget))));
      router.replace('/');
    } catch (reason) {
      setError(messageOf(reason));
      setBusy(false);
    }
  }

  return (
    <main className="card account">
      <Brand />
      <h1>{words.title}</h1>
      <form onSubmit={submit} method="post">
        <label>
          Email
          <input name="email" type="email" autoComplete="email" required maxLength={254} autoFocus />
        </label>
        <label>
          Password
          <input
            name="password"
            type="password"
            autoComplete={kind === 'signup' ? 'new-password' : 'current-password'}
            required
            minLength={kind === 'signup' ? 8 : undefined}
            maxLength={200}
            aria-describedby={kind === 'signup' ? 'password-hint' : undefined}
          />
        </label>
        {kind === 'signup' && <p className="hint" id="password-hint">At least 8 characters.</p>}
        {error && <p className="error" role="alert">{error}</p>}
        <button type="submit" disabled={busy}>{busy ? words.busy : words.button}</button>
      </form>
      <p className="aside">
        {words.other} <Link href={words.href}>{words.link}</Link>
      </p>
    </main>
  );
}
