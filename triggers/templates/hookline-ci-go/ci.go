// What run-test does around go test, in Go because that is what its image has: file times, verified module downloads, reports.
package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
)

func main() {
	commands := map[string]func([]string) error{
		"times": times, "tidy": tidy, "restore": restore, "keep": keep, "modules": modules, "report": report,
	}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "error: ci times|tidy|restore|keep|modules|report")
		os.Exit(2)
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// times LIST FOLDER: gives each file and folder a time made of its content's hash (LIST is git ls-tree -r -t -z). The same content has
// the same time in every run, other content another one, and all of them are long past: Go takes no result from its cache while a
// file that the test reads is new or has another time than before (cmd/go/internal/test, computeTestInputsID).
func times(arguments []string) error {
	list, err := os.ReadFile(arguments[0])
	if err != nil {
		return err
	}
	entries := strings.Split(strings.TrimSuffix(string(list), "\x00"), "\x00")
	sort.Sort(sort.Reverse(sort.StringSlice(entries)))
	folders := map[string]string{".": fmt.Sprintf("%x", sha256.Sum256(list))}
	for _, entry := range entries {
		facts, path, found := strings.Cut(entry, "\t")
		words := strings.Fields(facts)
		if !found || len(words) != 3 || len(words[2]) < 16 {
			continue
		}
		switch {
		case words[0] == "120000": // a link has no time of its own that could be set everywhere
		case words[1] == "blob":
			if err := setTime(filepath.Join(arguments[1], path), words[2]); err != nil {
				return err
			}
		case words[1] == "tree":
			folders[path] = words[2]
		}
	}
	for path, hash := range folders {
		if err := setTime(filepath.Join(arguments[1], path), hash); err != nil {
			return err
		}
	}
	return nil
}

func setTime(path, hash string) error {
	seconds, err := strconv.ParseUint(hash[:8], 16, 64)
	if err != nil {
		return err
	}
	fraction, err := strconv.ParseUint(hash[8:15], 16, 64)
	if err != nil {
		return err
	}
	at := time.Unix(315532800+int64(seconds%(1<<29)), int64(fraction%1000000000))
	return os.Chtimes(path, at, at)
}

// Go refuses modules with more in them (golang.org/x/mod/zip, MaxZipFile; cmd/go/internal/modfetch/codehost, MaxGoMod). Anything larger
// that was put into a cache is no module. A Go release is a module, too, and has fewer bytes than that.
const (
	mostZip  = 500 << 20
	mostText = 16 << 20
)

func most(name string) int64 {
	if strings.HasSuffix(name, ".zip") {
		return mostZip
	}
	return mostText
}

// regular opens a file that is a file: neither a link, whatever it leads to, nor a pipe or a device, which could be read for ever.
func regular(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", path)
	}
	if err == nil && info.Size() > most(path) {
		err = fmt.Errorf("%s has %d bytes, which is more than Go takes", path, info.Size())
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// text reads a small regular file.
func text(path string) ([]byte, error) {
	file, err := regular(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, mostText))
}

const (
	mostDeep    = 40               // folders in one another: the path of a module, or of a package with fuzzing, has fewer
	mostLong    = 1000             // bytes of a folder's path in the cache: the system refuses 4,096
	mostEntries = 1000000          // files and folders of one cache
	mostSeconds = 60 * time.Second // for removing what does not belong there; the next run goes on
)

// tidy FOLDER MEGABYTES DAYS: leaves in a cache what belongs there: regular files of a size that Go writes, folders, not too deep, not too
// many. What no run used for DAYS goes (0: Go sees to that itself). A cache that is larger than MEGABYTES, or has too much in it to look
// at, goes as a whole. No link is followed.
func tidy(arguments []string) error {
	root := arguments[0]
	megabytes, err := strconv.ParseInt(arguments[1], 10, 64)
	if err != nil {
		return err
	}
	days, err := strconv.Atoi(arguments[2])
	if err != nil {
		return err
	}
	end := time.Now().Add(mostSeconds)
	trash := filepath.Join(root, ".gone")
	number := 0
	discard := func(path string) {
		_ = os.Mkdir(trash, 0o700)
		number++
		_ = os.Rename(path, filepath.Join(trash, fmt.Sprintf("%d-%d", time.Now().UnixNano(), number)))
	}
	entries, size := 0, int64(0)
	whole := false
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if path == root || path == trash {
			if path == trash {
				return filepath.SkipDir
			}
			return err
		}
		if entries++; entries > mostEntries || time.Now().After(end) {
			whole = true
			return filepath.SkipAll
		}
		if err != nil {
			discard(path) // a folder that cannot be read
			return filepath.SkipDir
		}
		name, _ := filepath.Rel(root, path)
		if entry.IsDir() {
			if strings.Count(name, string(filepath.Separator)) >= mostDeep || len(name) > mostLong {
				discard(path)
				return filepath.SkipDir
			}
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return nil // another run has just removed it
		}
		old := days > 0 && time.Since(info.ModTime()) > time.Duration(days)*24*time.Hour
		if !info.Mode().IsRegular() || info.Size() > megabytes<<20 || old {
			_ = os.Remove(path)
			return nil
		}
		if size += info.Size(); size > megabytes<<20 {
			whole = true
			return filepath.SkipAll
		}
		return nil
	})
	if whole {
		fmt.Fprintf(os.Stderr, "%s holds more than %d MB or %d files; it is emptied\n", root, megabytes, mostEntries)
		names, _ := os.ReadDir(root)
		for _, each := range names {
			if each.Name() != filepath.Base(trash) {
				discard(filepath.Join(root, each.Name()))
			}
		}
	}
	empty(trash, end)
	return err
}

// empty removes a folder, whatever is in it: every folder inside is brought to its top first, so that no path is ever too long and no
// more than one folder is open.
func empty(trash string, end time.Time) {
	info, err := os.Lstat(trash)
	if err != nil {
		return
	}
	if !info.IsDir() {
		_ = os.Remove(trash)
		return
	}
	_ = os.Chmod(trash, 0o700)
	number := 0
	for progress := true; progress; {
		progress = false
		top, _ := os.ReadDir(trash)
		for _, each := range top {
			path := filepath.Join(trash, each.Name())
			if each.IsDir() {
				_ = os.Chmod(path, 0o700)
				folder, err := os.Open(path)
				if err != nil {
					continue
				}
				for {
					inside, err := folder.ReadDir(1000)
					for _, one := range inside {
						if time.Now().After(end) {
							folder.Close()
							return
						}
						if one.IsDir() {
							number++
							// A folder without permissions could not be moved: its own entry .. would change.
							_ = os.Chmod(filepath.Join(path, one.Name()), 0o700)
							to := filepath.Join(trash, fmt.Sprintf("%d+%d", time.Now().UnixNano(), number))
							progress = os.Rename(filepath.Join(path, one.Name()), to) == nil || progress
						} else {
							progress = os.Remove(filepath.Join(path, one.Name())) == nil || progress
						}
					}
					if err != nil {
						break
					}
				}
				folder.Close()
			}
			if os.Remove(path) == nil {
				progress = true
			}
		}
	}
	_ = os.Remove(trash)
}

// A module cache's path is its module's, with !a for A (golang.org/x/mod/module, EscapePath).
func escaped(text string) string {
	var made strings.Builder
	for _, r := range text {
		if unicode.IsUpper(r) {
			made.WriteByte('!')
			r = unicode.ToLower(r)
		}
		made.WriteRune(r)
	}
	return made.String()
}

var goVersion = regexp.MustCompile(`(?m)^(?:go |toolchain go)([0-9][0-9a-z.]*)$`)

// restore STORE CACHE FOLDER: copies what the go.sum files below FOLDER name from the store to the run's own download cache. Only what
// has the hash that go.sum wants is taken; what has not is removed, so that it is downloaded again.
func restore(arguments []string) error {
	store, cache := arguments[0], arguments[1]
	wanted := map[string]string{}
	toolchains := map[string]bool{}
	err := filepath.WalkDir(arguments[2], func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		switch entry.Name() {
		case "go.sum", "go.work.sum":
			sums, err := text(path)
			if err != nil {
				return nil
			}
			for _, line := range strings.Split(string(sums), "\n") {
				if words := strings.Fields(line); len(words) == 3 && !strings.Contains(line, "..") {
					wanted[words[0]+" "+words[1]] = words[2]
				}
			}
		case "go.mod", "go.work":
			said, _ := text(path)
			for _, found := range goVersion.FindAllStringSubmatch(string(said), -1) {
				toolchains[found[1]] = true
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	type download struct{ file, hash string }
	downloads := make(chan download)
	finished := make(chan bool)
	for range [4]int{} {
		go func() {
			for each := range downloads {
				take(store, cache, each.file, each.hash)
			}
			finished <- true
		}()
	}
	for name, hash := range wanted {
		path, version, _ := strings.Cut(name, " ")
		version, mod := strings.CutSuffix(version, "/go.mod")
		file := filepath.Join(escaped(path), "@v", escaped(version))
		if mod {
			downloads <- download{file + ".mod", hash}
		} else {
			downloads <- download{file + ".zip", hash}
		}
	}
	// A newer Go that go.mod asks for is a module too, in no go.sum: Go checks it against the checksum database.
	for version := range toolchains {
		file := fmt.Sprintf("golang.org/toolchain/@v/v0.0.1-go%s.%s-%s.zip", version, runtime.GOOS, runtime.GOARCH)
		downloads <- download{file, ""}
	}
	close(downloads)
	for range [4]int{} {
		<-finished
	}
	return nil
}

func take(store, cache, file, hash string) {
	from := filepath.Join(store, file)
	if _, err := os.Lstat(from); err != nil {
		return
	}
	to := filepath.Join(cache, file)
	if err := copyFile(from, to); err != nil {
		fmt.Fprintln(os.Stderr, "not taken:", err)
		os.Remove(to)
		return
	}
	if hash != "" && hashOf(to) != hash {
		fmt.Fprintf(os.Stderr, "%s on the volume is not what go.sum names; it is downloaded again\n", file)
		os.Remove(from)
		os.Remove(to)
		return
	}
	now := time.Now()
	_ = os.Chtimes(from, now, now) // used: not for the sweep
	if base, found := strings.CutSuffix(to, ".zip"); found {
		if hash != "" {
			_ = os.WriteFile(base+".ziphash", []byte(hash), 0o644)
		}
		_ = os.WriteFile(base+".restored", nil, 0o644)
		info := strings.TrimSuffix(file, ".zip") + ".info"
		if facts, err := text(filepath.Join(store, info)); err == nil && json.Valid(facts) {
			_ = os.WriteFile(base+".info", facts, 0o644)
		}
	}
}

// hashOf is the h1: hash of a module's zip or go.mod (golang.org/x/mod/sumdb/dirhash, Hash1).
func hashOf(path string) string {
	lines := []string{}
	left := int64(mostZip) // of what is packed, too
	add := func(name string, content io.Reader) error {
		sum := sha256.New()
		read, err := io.Copy(sum, io.LimitReader(content, left+1))
		if left -= read; err != nil || left < 0 {
			return fmt.Errorf("%s: %w", name, errors.Join(err, io.ErrShortBuffer))
		}
		lines = append(lines, fmt.Sprintf("%x  %s\n", sum.Sum(nil), name))
		return nil
	}
	if strings.HasSuffix(path, ".mod") {
		module, err := text(path)
		if err != nil || add("go.mod", bytes.NewReader(module)) != nil {
			return ""
		}
	} else {
		archive, err := zip.OpenReader(path)
		if err != nil {
			return ""
		}
		defer archive.Close()
		sort.Slice(archive.File, func(i, j int) bool { return archive.File[i].Name < archive.File[j].Name })
		for _, file := range archive.File {
			content, err := file.Open()
			if err != nil {
				return ""
			}
			err = add(file.Name, content)
			content.Close()
			if err != nil {
				return ""
			}
		}
	}
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return "h1:" + base64.StdEncoding.EncodeToString(sum[:])
}

// copyFile makes a file that appears whole, by a rename, or not at all.
func copyFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	source, err := regular(from)
	if err != nil {
		return err
	}
	defer source.Close()
	made, err := os.CreateTemp(filepath.Dir(to), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(made.Name())
	// A file that grows while it is copied.
	if _, err = io.Copy(made, io.LimitReader(source, most(from))); err == nil {
		err = made.Chmod(0o644)
	}
	if closed := made.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(made.Name(), to)
}

// keep CACHE STORE MEGABYTES: copies what was downloaded to the store, at most so much; prints how many modules that were. A full or
// read-only volume is no reason for a red test.
func keep(arguments []string) error {
	cache, store := arguments[0], arguments[1]
	megabytes, err := strconv.ParseInt(arguments[2], 10, 64)
	if err != nil {
		return err
	}
	downloaded, left := 0, megabytes<<20
	err = filepath.WalkDir(cache, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(cache, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name == "sumdb" || entry.Name() == "vcs" {
				return filepath.SkipDir
			}
			return nil
		}
		base, isZip := strings.CutSuffix(path, ".zip")
		if !isZip && !strings.HasSuffix(name, ".mod") && !strings.HasSuffix(name, ".info") {
			return nil
		}
		if isZip && !strings.HasPrefix(name, "golang.org/toolchain/") {
			if _, err := os.Stat(base + ".restored"); err != nil {
				downloaded++
			}
		}
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() {
			return nil // put there by a test
		}
		to := filepath.Join(store, name)
		if _, err := os.Lstat(to); err == nil {
			return nil
		}
		if left -= info.Size(); left < 0 {
			fmt.Fprintf(os.Stderr, "not kept: more than %d MB were downloaded\n", megabytes)
			return filepath.SkipAll
		}
		if err := copyFile(path, to); err != nil {
			fmt.Fprintln(os.Stderr, "not kept:", err)
			return filepath.SkipAll
		}
		return nil
	})
	fmt.Print(downloaded)
	return err
}

// modules: how many modules stand in the output of go list -json=Module.
func modules([]string) error {
	found := map[string]bool{}
	decoder := json.NewDecoder(bufio.NewReader(os.Stdin))
	for {
		var item struct {
			Module *struct {
				Path, Version string
				Main          bool
			}
		}
		if err := decoder.Decode(&item); err == io.EOF {
			fmt.Print(len(found))
			return nil
		} else if err != nil {
			return err
		}
		if item.Module != nil && !item.Module.Main {
			found[item.Module.Path+"@"+item.Module.Version] = true
		}
	}
}

type failure struct {
	Message string `xml:"message,attr"`
	Output  string `xml:",chardata"`
}

type testCase struct {
	Package string   `xml:"classname,attr"`
	Name    string   `xml:"name,attr"`
	Seconds float64  `xml:"time,attr"`
	Failure *failure `xml:"failure"`
	Skipped *failure `xml:"skipped"`
}

type testSuite struct {
	Name     string     `xml:"name,attr"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Skipped  int        `xml:"skipped,attr"`
	Seconds  float64    `xml:"time,attr"`
	Cases    []testCase `xml:"testcase"`
}

const (
	packageItself = "(package)"
	buildFailed   = "build failed: "
)

const mostOutput = 256 << 10 // bytes of one test that a report repeats

// report JSON JUNIT FAILING TOP: reads go test -json, prints what go test -v would print, and writes the stream, a JUnit report of it, and the
// failing tests with their lines in the repository, whose top folder is TOP.
func report(arguments []string) error {
	stream, err := os.Create(arguments[0])
	if err != nil {
		return err
	}
	defer stream.Close()
	kept := bufio.NewWriter(stream)
	defer kept.Flush()
	suites := map[string]*testSuite{}
	outputs := map[[2]string]*bytes.Buffer{}
	builds := map[string]string{}
	input := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := input.ReadBytes('\n')
		if len(line) > 0 {
			var event struct {
				Action, Package, Test, Output, FailedBuild, ImportPath string
				Elapsed                                                float64
			}
			if line[0] != '{' || json.Unmarshal(line, &event) != nil {
				os.Stdout.Write(line)
			} else {
				kept.Write(line)
				os.Stdout.WriteString(event.Output)
				if event.Action == "build-output" && len(builds[event.ImportPath]) < mostOutput {
					builds[event.ImportPath] += event.Output
				}
				note(suites, outputs, event.Action, event.Package, event.Test, event.Output, event.FailedBuild, event.Elapsed)
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	names := []string{}
	for name := range suites {
		names = append(names, name)
	}
	sort.Strings(names)
	all := struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []*testSuite `xml:"testsuite"`
	}{}
	for _, name := range names {
		all.Suites = append(all.Suites, suites[name])
	}
	text, err := xml.MarshalIndent(all, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(arguments[1], append([]byte(xml.Header), append(text, '\n')...), 0o644); err != nil {
		return err
	}
	return os.WriteFile(arguments[2], failing(all.Suites, builds, arguments[3]), 0o644)
}

type failingTest struct {
	Package string `json:"package"`
	Test    string `json:"test"`
	Path    string `json:"path"`
	Line    int    `json:"line"`
	Message string `json:"message"`
}

const (
	mostFailing      = 20   // tests that are named
	mostFailingBytes = 8192 // of the whole text: it is kept in the status of the Workflow
	mostMessage      = 600  // bytes of one test's message
)

// failing is the JSON of the tests that failed, empty without any. Of a test and its subtests, those that have none below them are named.
func failing(suites []*testSuite, builds map[string]string, top string) []byte {
	found := []failingTest{}
	text := []byte{}
	modules := modulesHere()
	for _, suite := range suites {
		below := map[string]bool{}
		for _, each := range suite.Cases {
			for name := each.Name; each.Failure != nil && strings.Contains(name, "/"); {
				name = name[:strings.LastIndex(name, "/")]
				below[name] = true
			}
		}
		for _, each := range suite.Cases {
			if each.Failure == nil || below[each.Name] {
				continue
			}
			if len(found) == mostFailing {
				return text
			}
			one := failingTest{Package: start(suite.Name, mostMessage), Test: start(each.Name, mostMessage)}
			said, folder := each.Failure.Output, folderOf(suite.Name, modules)
			if each.Name == packageItself {
				one.Test = ""
				// "build failed: PACKAGE" is the first line where it did not compile; the compiler's paths begin where go test was started.
				if first, _, _ := strings.Cut(said, "\n"); strings.HasPrefix(first, buildFailed) {
					said, folder = builds[strings.TrimPrefix(first, buildFailed)]+said, "."
				}
			}
			one.Path, one.Line, one.Message = place(said, folder, top)
			made, err := json.Marshal(append(found, one))
			// Argo looks for two braces in texts, in this one as well; JSON has another way to write them.
			made = bytes.ReplaceAll(made, []byte(strings.Repeat("{", 2)), []byte("{\\u007b"))
			if err != nil || len(made) > mostFailingBytes {
				return text
			}
			found, text = append(found, one), made
		}
	}
	return text
}

var (
	goLine = regexp.MustCompile(`^\s*([^\s:]+\.go):(\d{1,7})(?::\d{1,7})?(?::\s?(.*)| \+0x[0-9a-f]+)?$`)
	ofGo   = regexp.MustCompile(`^\s*(?:=== (?:RUN|PAUSE|CONT|NAME)\b|--- (?:FAIL|PASS|SKIP):)`)
)

// place is the file, below TOP, and the line at which a test says that it failed, and what it says; no file where none is there.
func place(said, folder, top string) (string, int, string) {
	path, line := "", 0
	kept := []string{}
	for _, each := range strings.Split(said, "\n") {
		if ofGo.MatchString(each) {
			continue
		}
		found := goLine.FindStringSubmatch(each)
		if found == nil || path != "" {
			kept = append(kept, each)
			continue
		}
		if path = inRepository(found[1], folder, top); path == "" {
			kept = append(kept, each)
			continue
		}
		line, _ = strconv.Atoi(found[2])
		if found[3] != "" {
			kept = append(kept, found[3])
		}
	}
	return path, line, start(strings.TrimSpace(strings.Join(kept, "\n")), mostMessage)
}

// inRepository is the path of a file relative to TOP; empty where it is no file there.
func inRepository(name, folder, top string) string {
	if folder == "" && !filepath.IsAbs(name) {
		return ""
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(folder, name)
	}
	whole, err := filepath.Abs(name)
	if err != nil {
		return ""
	}
	path, err := filepath.Rel(top, whole)
	if err != nil || path == ".." || strings.HasPrefix(path, "../") {
		return ""
	}
	if info, err := os.Lstat(whole); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	return filepath.ToSlash(path)
}

var (
	moduleLine = regexp.MustCompile("(?m)^module[ \t]+[\"`]?([^\\s\"`]+)")
	useLines   = regexp.MustCompile(`(?ms)^use[ \t]*(?:\(([^)]*)\)|([^\s(]+))`)
)

// modulesHere are the modules of go.work or go.mod in this folder: path → folder.
func modulesHere() map[string]string {
	folders := []string{"."}
	work, _ := text("go.work")
	for _, found := range useLines.FindAllSubmatch(work, -1) {
		for _, each := range strings.Fields(string(found[1]) + " " + string(found[2])) {
			folders = append(folders, strings.Trim(each, "\"`"))
		}
	}
	modules := map[string]string{}
	for _, folder := range folders {
		said, _ := text(filepath.Join(folder, "go.mod"))
		if found := moduleLine.FindSubmatch(said); found != nil {
			modules[string(found[1])] = folder
		}
	}
	return modules
}

// folderOf is the folder of a package; empty where no module here has it.
func folderOf(name string, modules map[string]string) string {
	for module := name; module != "." && module != "/"; module = filepath.Dir(module) {
		if folder, found := modules[module]; found {
			return filepath.Join(folder, strings.TrimPrefix(name[len(module):], "/"))
		}
	}
	return ""
}

// start is the beginning of a text, whole characters only.
func start(text string, most int) string {
	if len(text) <= most {
		return strings.ToValidUTF8(text, "")
	}
	return strings.ToValidUTF8(text[:most], "")
}

func note(suites map[string]*testSuite, outputs map[[2]string]*bytes.Buffer, action, name, test, output, build string, elapsed float64) {
	if name == "" {
		return
	}
	suite := suites[name]
	if suite == nil {
		suite = &testSuite{Name: name}
		suites[name] = suite
	}
	key := [2]string{name, test}
	switch action {
	case "output":
		if outputs[key] == nil {
			outputs[key] = &bytes.Buffer{}
		}
		if outputs[key].Len() < mostOutput {
			outputs[key].WriteString(output)
		}
		return
	case "pass", "fail", "skip":
	default:
		return
	}
	said := ""
	if outputs[key] != nil {
		said = outputs[key].String()
		delete(outputs, key)
	}
	if test == "" {
		suite.Seconds = elapsed
		if action != "fail" || suite.Failures > 0 {
			return
		}
		// The package failed and none of its tests did: it did not compile, or ended by itself.
		test = packageItself
		if build != "" {
			said = buildFailed + build + "\n" + said
		}
	}
	made := testCase{Package: name, Name: test, Seconds: elapsed}
	suite.Tests++
	switch action {
	case "fail":
		suite.Failures++
		made.Failure = &failure{"Failed", said}
	case "skip":
		suite.Skipped++
		made.Skipped = &failure{"Skipped", said}
	}
	suite.Cases = append(suite.Cases, made)
}
