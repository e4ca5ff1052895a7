import type { Metadata } from 'next';
import { AccountForm } from '@/components/AccountForm';

export const metadata: Metadata = { title: 'Sign up' };

export default function SignUp() {
  return <AccountForm kind="signup" />;
}
