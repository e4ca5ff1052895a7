export const dynamic = 'force-dynamic';

/** This process lives; says nothing of the backend. */
export function GET() {
  return Response.json({ status: 'ok', version: process.env.APP_VERSION ?? 'dev' });
}
