import Link from 'next/link';
import { Brand } from '@/components/Brand';

export default function NotFound() {
  return (
    <main className="card account">
      <Brand />
      <h1>There is nothing here</h1>
      <p className="aside">
        <Link href="/">Back to your todos</Link>
      </p>
    </main>
  );
}
