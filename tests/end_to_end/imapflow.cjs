// A tour with imapflow: node imapflow.cjs HOST PORT USER PASSWORD < MESSAGE
// It prints one JSON value, `delivered` is awaited while it idles.
'use strict';
const { ImapFlow } = require('imapflow');

async function tour(message) {
    const [host, port, user, pass] = process.argv.slice(2);
    const client = new ImapFlow({
        host,
        port: Number(port),
        secure: false,
        doSTARTTLS: true,
        auth: { user, pass },
        tls: { rejectUnauthorized: false },
        qresync: true,
        logger: false
    });
    const seen = {};
    await client.connect();
    seen.sent = (await client.list()).find(folder => folder.specialUse === '\\Sent').path;
    seen.created = (await client.mailboxCreate(['Entwürfe', 'Käse & Brot'])).path;
    const first = await client.append('INBOX', message, ['\\Seen', 'Work']);
    await client.append('INBOX', message);
    const lock = await client.getMailboxLock('INBOX');
    const downloaded = await client.fetchOne(String(first.uid), { source: true, envelope: true, bodyStructure: true, flags: true, threadId: true }, { uid: true });
    seen.same = downloaded.source.equals(message);
    seen.subject = downloaded.envelope.subject;
    seen.type = downloaded.bodyStructure.type;
    seen.flags = [...downloaded.flags].sort();
    await client.messageFlagsAdd('1:2', ['\\Flagged']);
    seen.copied = (await client.messageCopy('1', seen.created)).uidMap.size;
    seen.moved = (await client.messageMove('2', seen.created)).uidMap.size;
    await client.messageDelete('1');
    seen.left = client.mailbox.exists;
    const arrived = new Promise(resolve => client.once('exists', resolve));
    const idling = client.idle();
    console.log('idling');
    seen.exists = (await arrived).count;
    seen.fetched = (await client.fetchOne('*', { envelope: true })).envelope.subject;
    await Promise.race([idling, Promise.resolve()]);
    lock.release();
    seen.status = await client.status(seen.created, { messages: true, unseen: true });
    await client.logout();
    console.log(JSON.stringify(seen));
}

const chunks = [];
process.stdin.on('data', chunk => chunks.push(chunk));
process.stdin.on('end', () => tour(Buffer.concat(chunks)).catch(error => {
    console.error(error);
    process.exit(1);
}));
