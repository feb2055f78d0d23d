# Written by Pintail for a test of an artifact: keeps this machine's libraries out of it. What belongs to Ruby itself
# (RubyGems, Bundler) stays where a distribution has put it among those, at the same place of the path.
require 'rbconfig'
own = %w[rubylibdir rubyarchdir].map { |key| RbConfig::CONFIG[key] }
outside = %w[sitedir sitelibdir sitearchdir vendordir vendorlibdir vendorarchdir]
outside = outside.map { |key| RbConfig::CONFIG[key] }.compact - own
kept = %w[rubygems rubygems.rb bundler bundler.rb]
# What `-r` names is loaded before RUBYOPT is read; what it loads in turn stands before it.
early = $LOADED_FEATURES.reverse.filter_map do |file|
  folder = outside.select { |other| file.start_with?("#{other}/") }.max_by(&:length)
  file[(folder.length + 1)..] if folder
end
# One that Ruby has too, in another version, is not lacking.
rest = $LOAD_PATH.reject { |folder| outside.any? { |other| folder == other || folder.start_with?("#{other}/") } }
early = early.find do |file|
  !kept.include?(file.split('/').first) && rest.none? { |folder| File.exist?(File.join(folder, file)) }
end
raise LoadError, "cannot load such file -- #{early.delete_suffix('.rb')}" if early

$LOAD_PATH.map! do |folder|
  next folder unless outside.any? { |other| folder == other || folder.start_with?("#{other}/") }

  here = kept.select { |name| File.exist?(File.join(folder, name)) }
  next if here.empty?

  view = File.join(__dir__, 'ruby', folder.tr('/', '_'))
  Dir.mkdir(File.dirname(view)) unless File.exist?(File.dirname(view))
  Dir.mkdir(view) unless File.exist?(view)
  here.each do |name|
    File.symlink(File.join(folder, name), File.join(view, name))
  rescue Errno::EEXIST
    next
  end
  view
rescue Errno::EEXIST
  # Another Ruby was as far at the same time.
  retry
end
$LOAD_PATH.compact!
