#!/usr/bin/perl
# A trial application that speaks HTTP and binds its address itself: for processes with `socket = "bind"`.
# Its endpoints are those of examples/hello. It needs Perl's core modules only (Debian package: perl).
#
#   http_bind.pl --listen unix:PATH|HOST:PORT [--workers 4]
#
# One request a connection. TERM: it takes what still waits in the socket's queue, ends running requests, exits.
# It reads VERSION in its working directory, and one word in content/behaviour.txt:
# healthy | unhealthy | wrong-version | hang | dies-at-start | ignores-term
use v5.36;
use Getopt::Long qw(GetOptions);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

my ($listen, $workers) = (undef, 4);
GetOptions('listen=s' => \$listen, 'workers=i' => \$workers) && !@ARGV && defined $listen
    or die "usage: http_bind.pl --listen unix:PATH|HOST:PORT [--workers 4]\n";

my $version   = first_line('VERSION') // $ENV{PINTAIL_VERSION} // 'unversioned';
my $behaviour = first_line('content/behaviour.txt') // 'healthy';
exit 7 if $behaviour eq 'dies-at-start';
my $told = $behaviour eq 'wrong-version' ? '0.0.0' : $version;

my $term = 0;
$SIG{TERM} = $SIG{INT} = $behaviour eq 'ignores-term' ? 'IGNORE' : sub { $term = 1 };
$SIG{PIPE} = 'IGNORE';

my $listener = bind_to($listen) or die "http_bind.pl: cannot listen on `$listen`: $!\n";
$listener->blocking(0);    # Its workers all wait for it; who comes too late must not block in `accept`.
print STDERR "http_bind.pl $version: serves on $listen, $workers workers\n";

my $manager = $$;
my %worker;
until ($term) {
    while (keys %worker < $workers) {
        my $pid = fork // die "http_bind.pl: cannot fork: $!\n";
        if (!$pid) { serve(); exit 0 }
        $worker{$pid} = 1;
    }
    sleep 0.1;             # TERM ends it early.
    while ((my $pid = waitpid -1, WNOHANG) > 0) { delete $worker{$pid} }
}
kill 'TERM', keys %worker;
for my $pid (keys %worker) {
    1 while waitpid($pid, 0) == -1 && $!{EINTR};
}

sub bind_to ($address) {
    if (my ($path) = $address =~ /^unix:(.+)/) {
        unlink $path if -S $path;    # Left by a process that is gone.
        my $socket = IO::Socket::UNIX->new(Local => short($path), Listen => 128) or return;
        return $socket;
    }
    return IO::Socket::INET->new(LocalAddr => $address, Listen => 128, ReuseAddr => 1);
}

# A socket address has room for 107 bytes; by way of a folder's descriptor any path is short.
sub short ($path) {
    return $path if length $path <= 107;
    my ($folder, $name) = $path =~ m{^(.*)/([^/]+)$} or return $path;
    open our $handle, '<', $folder or return $path;
    return '/proc/self/fd/' . fileno($handle) . "/$name";
}

sub serve () {
    my $waiting = IO::Select->new($listener);
    while (1) {
        return if getppid != $manager;                             # Nobody will tell it to stop.
        my $last_look = $term;
        # Nobody came for 50 ms after TERM: the queue is empty.
        if (!$waiting->can_read($last_look ? 0.05 : 0.2)) {
            return if $last_look;
            next;
        }
        my $client = $listener->accept or next;                    # Another worker was faster.
        $client->blocking(1);
        converse($client);
    }
}

sub converse ($client) {
    my $reading  = IO::Select->new($client);
    my $deadline = time + 10;
    my $received = '';
    # Adds what comes; false when the client hung up or took too long.
    my $more = sub {
        while ((my $left = $deadline - time) > 0) {
            next unless $reading->can_read($left);                 # A signal came, or the time is over.
            my $count = sysread $client, $received, 65_536, length $received;
            return $count if defined $count || !$!{EINTR};
        }
        return;
    };
    until ($received =~ /\r\n\r\n/) {
        return if length $received > 16_384 || !$more->();
    }
    my ($head, $body) = split /\r\n\r\n/, $received, 2;
    my ($method, $path, $query) = $head =~ m{^([A-Z]+) ([^ ?]+)(?:\?(\S*))? HTTP/1\.[01]\r?$}m;
    my ($length) = $head =~ /^content-length:\s*(\d+)\s*$/mi;
    $length //= 0;
    my ($status, $type, $content);
    if (!defined $method) { ($status, $type, $content) = (400, 'text/plain', "this is not HTTP\n") }
    elsif ($length > 1 << 20) { ($status, $type, $content) = (413, 'text/plain', "the body may have 1 MiB\n") }
    else {
        write_all($client, "HTTP/1.1 100 Continue\r\n\r\n") if $head =~ /^expect:\s*100-continue/mi;
        my $begin = length($head) + 4;
        while (length($received) < $begin + $length) { $more->() or return }
        ($status, $type, $content) = answer($method, $path, $query // '', substr $received, $begin, $length);
    }
    my %reason = (200 => 'OK', 400 => 'Bad Request', 404 => 'Not Found', 405 => 'Method Not Allowed',
        413 => 'Content Too Large', 500 => 'Internal Server Error');
    my $answer = "HTTP/1.1 $status $reason{$status}\r\nContent-Type: $type\r\nContent-Length: " . length($content)
        . "\r\nX-Version: $told\r\nConnection: close\r\n\r\n";
    $answer .= $content unless ($method // '') eq 'HEAD';
    write_all($client, $answer) or return;
    # Closing with unread bytes would reset the connection: end one way, then wait for the client's end.
    shutdown $client, 1;
    $deadline = time + 0.5;
    while ($more->()) { $received = '' }
}

sub write_all ($client, $bytes) {
    my $sent = 0;
    while ($sent < length $bytes) {
        my $count = syswrite $client, $bytes, length($bytes) - $sent, $sent;
        next if !defined $count && $!{EINTR};
        return 0 unless $count;
        $sent += $count;
    }
    return 1;
}

sub answer ($method, $path, $query, $body) {
    if ($path eq '/') { return (200, 'text/html', page()) }
    if ($path eq '/health') {
        sleep 1 while $behaviour eq 'hang';
        my ($status, $word) = $behaviour eq 'unhealthy' ? (500, 'failing') : (200, 'ok');
        return ($status, 'application/json', qq({"status":"$word","version":"$told"}\n));
    }
    if ($path eq '/version') { return (200, 'text/plain', "$version\n") }
    if ($path eq '/slow') {
        my ($ms) = $query =~ /(?:^|&)ms=(\d+)/;
        $ms = 1000   unless defined $ms;
        $ms = 30_000 if $ms > 30_000;
        my $end = time + $ms / 1000;
        while ((my $left = $end - time) > 0) { sleep $left }       # TERM ends one sleep early.
        return (200, 'text/plain', "slept $ms ms\n");
    }
    if ($path eq '/echo') {
        return (405, 'text/plain', "/echo takes POST\n") if $method ne 'POST';
        return (200, 'application/octet-stream', $body);
    }
    kill 'KILL', $manager, $$ if $path eq '/crash';
    return (404, 'text/plain', "there is nothing here\n");
}

sub page () {
    my $message = join '', lines('content/message.txt');
    return "<!doctype html>\n<title>http_bind.pl $version</title>\n<p>$message</p>\n<p>version $version, process $$</p>\n";
}

sub first_line ($file) {
    my ($line) = lines($file);
    chomp $line if defined $line;
    return $line;
}

sub lines ($file) {
    open my $handle, '<', $file or return;
    return readline $handle;
}
