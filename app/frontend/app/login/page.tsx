import type { Metadata } from 'next';
import { AccountForm } from '@/components/AccountForm';

export const metadata: Metadata = { title: 'Log in' };

export default function LogIn() {
  return <AccountForm kind="login" />;
}
