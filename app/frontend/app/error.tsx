'use client';
import { Brand } from '@/components/Brand';

export default function Broken({ reset }: { error: Error; reset: () => void }) {
  return (
    <main className="card account">
      <Brand />
      <h1>Something broke on this page</h1>
      <p className="aside">Your todos are safe.</p>
      <button type="button" onClick={reset}>Try again</button>
    </main>
  );
}
