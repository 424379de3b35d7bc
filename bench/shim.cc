// The C face of bench/shim.h on Google Benchmark.
#include "bench/shim.h"

#include <benchmark/benchmark.h>

#include <limits>
#include <regex>
#include <string>
#include <vector>

struct bench_run {
    benchmark::State &state;
};

namespace {

using Run = benchmark::BenchmarkReporter::Run;

std::vector<std::string> names;
std::string display_format = "console";
bool writes_json = false; // into a file

double counter(const bench_line *line, const char *name)
{
    const Run *run = static_cast<const Run *>(line->run);
    const auto at = run->counters.find(name);
    return at == run->counters.end() ? std::numeric_limits<double>::quiet_NaN() : at->second.value;
}

// Less what was skipped for `silent`, under the names that were given.
std::vector<Run> without(const std::vector<Run> &runs, const char *silent)
{
    std::vector<Run> kept;
    for (const Run &run : runs) {
        if (run.error_occurred && run.error_message == silent) continue;
        kept.push_back(run);
        kept.back().run_name.time_type.clear();
    }
    return kept;
}

// Shows finished runs through a C function.
class Lines : public benchmark::BenchmarkReporter {
  public:
    Lines(void (*show)(const bench_line *), const char *silent) : show_(show), silent_(silent) {}
    bool ReportContext(const Context &) override { return true; }
    void ReportRuns(const std::vector<Run> &runs) override
    {
        for (const Run &run : without(runs, silent_)) {
            const std::string name = run.benchmark_name();
            const double scale = benchmark::GetTimeUnitMultiplier(run.time_unit);
            const bench_line line = {name.c_str(),
                                     run.error_occurred ? run.error_message.c_str() : nullptr,
                                     run.GetAdjustedRealTime() / scale, counter, &run};
            show_(&line);
        }
    }

  private:
    void (*show_)(const bench_line *);
    const char *silent_;
};

// The reporters of Google Benchmark, less what was skipped for `silent`.
template <class Base> class Kept : public Base {
  public:
    explicit Kept(const char *silent) : silent_(silent) {}
    void ReportRuns(const std::vector<Run> &runs) override
    {
        const std::vector<Run> kept = without(runs, silent_);
        if (!kept.empty()) Base::ReportRuns(kept);
    }

  private:
    const char *silent_;
};

} // namespace

void bench_add(const char *name, bench_fn *fn, void *context)
{
    names.push_back(std::string(name) + "/manual_time");
    benchmark::RegisterBenchmark(name,
                                 [fn, context](benchmark::State &state) {
                                     bench_run run{state};
                                     fn(&run, context);
                                 })
        ->UseManualTime()
        ->Unit(benchmark::kMicrosecond);
}

void bench_fact(const char *key, const char *value)
{
    benchmark::AddCustomContext(key, value);
}

bool bench_next(bench_run *run)
{
    return run->state.KeepRunning();
}

void bench_seconds(bench_run *run, double seconds)
{
    run->state.SetIterationTime(seconds);
}

void bench_counter(bench_run *run, const char *name, double value)
{
    run->state.counters[name] = value;
}

void bench_skip(bench_run *run, const char *why)
{
    run->state.SkipWithError(why);
}

void bench_options(int *argc, char **argv)
{
    bool file = false;
    std::string file_format = "json";
    for (int i = 1; i < *argc; i++) {
        const std::string option = argv[i];
        const std::string value = option.substr(option.find('=') + 1);
        if (option.rfind("--benchmark_out=", 0) == 0) file = true;
        if (option.rfind("--benchmark_out_format=", 0) == 0) file_format = value;
        if (option.rfind("--benchmark_format=", 0) == 0) display_format = value;
    }
    writes_json = file && file_format == "json";
    benchmark::Initialize(argc, argv);
}

size_t bench_matching(void)
{
    std::string filter = benchmark::GetBenchmarkFilter();
    const bool inverted = !filter.empty() && filter[0] == '-';
    if (inverted) filter.erase(0, 1);
    if (filter.empty() || filter == "all") filter = ".";
    size_t count = 0;
    try {
        const std::regex wanted(filter, std::regex::extended);
        for (const std::string &name : names)
            if (std::regex_search(name, wanted) != inverted) count++;
    } catch (const std::regex_error &) {
        return 0;
    }
    return count;
}

size_t bench_go(void (*show)(const bench_line *line), const char *silent)
{
    Lines lines(show, silent);
    Kept<benchmark::JSONReporter> display(silent), file(silent);
    benchmark::BenchmarkReporter *shown = nullptr;
    if (display_format == "console") shown = &lines;
    if (display_format == "json") shown = &display;
    return benchmark::RunSpecifiedBenchmarks(shown, writes_json ? &file : nullptr);
}
