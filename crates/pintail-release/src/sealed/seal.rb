# Written by Pintail for a test of an artifact: keeps this machine's libraries out of it. What belongs to Ruby itself
# (RubyGems, Bundler and what they bring) stays, wherever a distribution has put it.
require 'rbconfig'
own = %w[rubylibdir rubyarchdir].map { |key| RbConfig::CONFIG[key] }
outside = %w[sitedir sitelibdir sitearchdir vendordir vendorlibdir vendorarchdir]
outside = outside.map { |key| RbConfig::CONFIG[key] }.compact - own
kept = %w[rubygems bundler rubygems.rb bundler.rb did_you_mean error_highlight syntax_suggest]
$LOAD_PATH.reject! do |folder|
  outside.any? { |other| folder == other || folder.start_with?("#{other}/") } &&
    kept.none? { |name| File.exist?(File.join(folder, name)) }
end
$LOAD_PATH.select { |folder| outside.any? { |other| folder.start_with?(other) } }.each do |folder|
  $LOAD_PATH.delete(folder)
  view = File.join(File.dirname(__FILE__), 'ruby')
  Dir.mkdir(view) unless File.exist?(view)
  kept.each do |name|
    from, to = File.join(folder, name), File.join(view, name)
    begin
      File.symlink(from, to) if File.exist?(from) && !File.symlink?(to)
    rescue Errno::EEXIST
      nil
    end
  end
  $LOAD_PATH << view unless $LOAD_PATH.include?(view)
end
