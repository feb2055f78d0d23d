package Pond::Controller::Root;
# What the application answers.
use v5.36;
use Moose;
use namespace::autoclean;
use Time::HiRes ();

BEGIN { extends 'Catalyst::Controller' }

__PACKAGE__->config(namespace => '');

use constant SLOW_MAX_MS => 30_000;

sub index : Path : Args(0) ($self, $c) {
    my $message = $Pond::MESSAGE =~ s/([<&])/'&#' . ord($1) . ';'/ger;
    answer($c, 200, 'text/html', <<~"END");
        <!doctype html>
        <html lang="en">
        <title>Pond $Pond::VERSION</title>
        <link rel="stylesheet" href="/pond.css">
        <p>$message</p>
        <p>version $Pond::VERSION, process $$</p>
        </html>
        END
}

sub health : Local : Args(0) ($self, $c) {
    sleep 1 while $Pond::BEHAVIOUR eq 'hang';
    my ($status, $word) = $Pond::BEHAVIOUR eq 'unhealthy' ? (500, 'failing') : (200, 'ok');
    answer($c, $status, 'application/json', qq({"status":"$word","version":"$Pond::TOLD"}\n));
}

sub version : Local : Args(0) ($self, $c) {
    answer($c, 200, 'text/plain', "$Pond::VERSION\n");
}

sub echo : Local : Args(0) ($self, $c) {
    return answer($c, 405, 'text/plain', "/echo takes POST\n") if $c->req->method ne 'POST';
    my $bytes = '';
    if ($c->req->content_length) {
        # As they came, whatever Catalyst took them for: it leaves them in a file that can be read again.
        my $body = $c->req->env->{'psgi.input'};
        seek $body, 0, 0;
        local $/;
        $bytes = readline($body) // '';
    }
    answer($c, 200, 'application/octet-stream', $bytes);
}

sub slow : Local : Args(0) ($self, $c) {
    my ($ms) = ($c->req->params->{ms} // '1000') =~ /^(\d+)$/;
    return answer($c, 400, 'text/plain', "ms is a number of milliseconds\n") unless defined $ms;
    $ms = SLOW_MAX_MS if $ms > SLOW_MAX_MS;
    my $end = Time::HiRes::time() + $ms / 1000;
    # TERM ends one sleep early, and the request is still to be answered.
    while ((my $left = $end - Time::HiRes::time()) > 0) { Time::HiRes::sleep($left) }
    answer($c, 200, 'text/plain', "slept $ms ms\n");
}

sub default : Path ($self, $c, @) {
    answer($c, 404, 'text/html', "<!doctype html>\n<title>Not found</title>\n<p>There is no such duck.</p>\n");
}

sub answer ($c, $status, $type, $body) {
    $c->res->status($status);
    $c->res->content_type($type);
    $c->res->header('X-Version' => $Pond::TOLD);
    $c->res->body($body);
}

__PACKAGE__->meta->make_immutable;

1;
