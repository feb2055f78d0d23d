#!/usr/bin/perl
# A trial application behind FastCGI, in the way of Catalyst::Script::FastCGI: a manager with pre-forked workers.
# Its endpoints are those of examples/hello. Debian packages: libfcgi-perl libfcgi-procmanager-perl
#
#   fcgi.pl --listen PATH|HOST:PORT [--nproc 5] [--pidfile FILE]
#
# It serves on fd 0 if that is a listening socket, else on --listen. TERM ends it when running requests have ended.
# It reads VERSION in its working directory, and one word in content/behaviour.txt:
# healthy | unhealthy | wrong-version | hang | dies-at-start | ignores-term
use v5.36;
use FCGI;
use FCGI::ProcManager;
use Getopt::Long qw(GetOptions);
use Socket qw(SOL_SOCKET SO_ACCEPTCONN);
use Time::HiRes qw(sleep);

my ($listen, $nproc, $pidfile) = (undef, 5, undef);
GetOptions('l|listen=s' => \$listen, 'n|nproc=i' => \$nproc, 'p|pidfile=s' => \$pidfile) && !@ARGV
    or die "usage: fcgi.pl [--listen PATH|HOST:PORT] [--nproc 5] [--pidfile FILE]\n";

my $version   = first_line('VERSION') // $ENV{PINTAIL_VERSION} // 'unversioned';
my $behaviour = first_line('content/behaviour.txt') // 'healthy';
exit 7 if $behaviour eq 'dies-at-start';
my $told = $behaviour eq 'wrong-version' ? '0.0.0' : $version;

my $accepting = getsockopt(STDIN, SOL_SOCKET, SO_ACCEPTCONN);
my $socket    = 0;    # fd 0
unless ($accepting && unpack 'i', $accepting) {
    die "fcgi.pl: fd 0 is no listening socket, and there is no --listen\n" unless defined $listen;
    my $old_umask = umask 0;    # As Catalyst does: the web server is another user.
    $socket = FCGI::OpenSocket($listen, 100);
    umask $old_umask;
    die "fcgi.pl: cannot listen on `$listen`: $!\n" if $socket < 0;
}

my %env;
my $request = FCGI::Request(\*STDIN, \*STDOUT, \*STDERR, \%env, $socket, FCGI::FAIL_ACCEPT_ON_INTR);
my $manager = FCGI::ProcManager->new({ n_processes => $nproc, pid_fname => $pidfile });
if ($behaviour eq 'ignores-term') {
    $manager->no_signals(1);
    $SIG{TERM} = 'IGNORE';
}
print STDERR "fcgi.pl $version: serves on " . ($socket ? $listen : 'the held socket, fd 0') . ", $nproc workers\n";
$manager->pm_manage;

while ($request->Accept >= 0) {
    $manager->pm_pre_dispatch;
    answer();
    $request->Finish;
    $manager->pm_post_dispatch;
}

sub answer {
    my $length = $env{CONTENT_LENGTH} || 0;
    return respond(413, 'text/plain', "the body may have 1 MiB\n") if $length > 1 << 20;
    my $body = '';
    while (length $body < $length) {
        read STDIN, $body, $length - length $body, length $body or return;    # The client went away.
    }
    my $path = $env{PATH_INFO} || $env{SCRIPT_NAME} || '/';
    if ($path eq '/') { return respond(200, 'text/html', page()) }
    if ($path eq '/health') {
        sleep 1 while $behaviour eq 'hang';
        my ($status, $word) = $behaviour eq 'unhealthy' ? (500, 'failing') : (200, 'ok');
        return respond($status, 'application/json', qq({"status":"$word","version":"$told"}\n));
    }
    if ($path eq '/version') { return respond(200, 'text/plain', "$version\n") }
    if ($path eq '/slow') {
        my ($ms) = ($env{QUERY_STRING} // '') =~ /(?:^|&)ms=(\d+)/;
        $ms = 1000   unless defined $ms;
        $ms = 30_000 if $ms > 30_000;
        my $end = Time::HiRes::time() + $ms / 1000;
        while ((my $left = $end - Time::HiRes::time()) > 0) { sleep $left }    # TERM ends one sleep early.
        return respond(200, 'text/plain', "slept $ms ms\n");
    }
    if ($path eq '/echo') {
        return respond(405, 'text/plain', "/echo takes POST\n") if $env{REQUEST_METHOD} ne 'POST';
        return respond(200, 'application/octet-stream', $body);
    }
    kill 'KILL', getppid, $$ if $path eq '/crash';
    return respond(404, 'text/plain', "there is nothing here\n");
}

sub respond ($status, $type, $body) {
    print STDOUT "Status: $status\r\nContent-Type: $type\r\nContent-Length: ", length $body,
        "\r\nX-Version: $told\r\n\r\n", ($env{REQUEST_METHOD} // '') eq 'HEAD' ? '' : $body;
}

sub page {
    my $message = join '', lines('content/message.txt');
    return "<!doctype html>\n<title>fcgi.pl $version</title>\n<p>$message</p>\n<p>version $version, process $$</p>\n";
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
