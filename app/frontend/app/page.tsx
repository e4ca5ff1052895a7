'use client';
import { useRouter } from 'next/navigation';
import { useCallback, useEffect, useState } from 'react';
import { Brand } from '@/components/Brand';
import { Chat } from '@/components/Chat';
import { Todos } from '@/components/Todos';
import { forgetSession, readSession, type Session } from '@/lib/session';
import { useTodos } from '@/lib/useTodos';

export default function Home() {
  const router = useRouter();
  const [session, setSession] = useState<Session | null>(null);

  const logOut = useCallback(() => {
    forgetSession();
    router.replace('/login');
  }, [router]);

  useEffect(() => {
    const known = readSession();
    if (known) setSession(known);
    else router.replace('/login');
  }, [router]);

  if (!session) return <p className="waiting" role="status">Loading…</p>;
  return <Desk email={session.user.email} onLogOut={logOut} />;
}

function Desk({ email, onLogOut }: { email: string; onLogOut: () => void }) {
  const list = useTodos(onLogOut);
  return (
    <>
      <header className="top">
        <Brand />
        <span className="who" title={email}>{email}</span>
        <button type="button" className="quiet" onClick={onLogOut}>Log out</button>
      </header>
      <main className="desk">
        <Todos {...list} />
        <Chat onActed={list.load} onLoggedOut={onLogOut} />
      </main>
    </>
  );
}
