// AutoencoderConfig::FromVariant. The grammar follows the reference where it is defined and refuses what the reference
// lets through by accident (empty halves, repeated or misplaced fields, blanks and signs in numbers).
#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/model/autoencoder_config.h"

namespace vitok {
namespace {

// Larger than any model; they keep sizes and parameter counts within 64 bits.
constexpr int64_t kMaxWidth = 65'536;
constexpr int64_t kMaxDepth = 4096;
constexpr double kMaxMlpRatio = 64;
constexpr int64_t kMaxPatchPx = 1024;
constexpr int64_t kMaxTemporal = 64;
constexpr int64_t kMaxLatentChannels = 65'536;

struct Preset {
  char letter;
  int64_t width, depth, heads;
};

constexpr Preset kPresets[] = {
    {'B', 768, 12, 12}, {'L', 1024, 24, 16}, {'G', 1728, 32, 24}, {'T', 3072, 40, 24}, {'E', 4096, 48, 32}};

// What a variant without a letter takes where it names no value.
constexpr Preset kDefaults = kPresets[0];

// What one half of a variant says.
struct HalfFields {
  std::optional<char> letter;
  std::optional<int64_t> width, depth, heads;
  std::optional<double> mlp_ratio;
};

absl::Status Error(std::string_view reason) { return absl::InvalidArgumentError(ToAbsl(reason)); }

std::string Quoted(std::string_view text) { return StrCat("'", text, "'"); }

size_t CountDigits(std::string_view text) {
  return std::find_if_not(text.begin(), text.end(), absl::ascii_isdigit) - text.begin();
}

// A whole number of decimal digits only, in [min, max].
absl::StatusOr<int64_t> ParseNumber(std::string_view what, std::string_view text, int64_t min, int64_t max) {
  int64_t value = 0;
  if (text.empty() || CountDigits(text) != text.size()) {
    return Error(StrCat(what, " must be a whole number; was ", Quoted(text)));
  }
  if (!absl::SimpleAtoi(ToAbsl(text), &value) || value < min || value > max) {
    return Error(StrCat(what, " must be from ", min, " to ", max, "; was ", text));
  }
  return value;
}

// Digits, or digits '.' digits.
absl::StatusOr<double> ParseRatio(std::string_view text) {
  const size_t whole = CountDigits(text);
  const std::string_view fraction = text.substr(std::min(text.size(), whole + 1));
  const bool is_number =
      whole > 0 &&
      (whole == text.size() || (text[whole] == '.' && !fraction.empty() && CountDigits(fraction) == fraction.size()));
  if (!is_number) return Error(StrCat("MLP ratio (m) must be a decimal number; was ", Quoted(text)));
  const double value = std::strtod(std::string(text).c_str(), nullptr);
  if (!(value > 0 && value <= kMaxMlpRatio)) {
    return Error(StrCat("MLP ratio (m) must be above 0 and at most ", kMaxMlpRatio, "; was ", text));
  }
  return value;
}

template <typename T>
absl::Status SetOnce(std::string_view field, absl::StatusOr<T> value, std::optional<T>& target) {
  if (!value.ok()) return value.status();
  if (target.has_value()) return Error(StrCat("field ", Quoted(field.substr(0, 1)), " is given twice"));
  target = *value;
  return absl::OkStatus();
}

// One field, such as "w64" or "m2.5".
absl::Status ParseField(std::string_view field, HalfFields& fields) {
  const std::string_view number = field.substr(1);
  switch (field.front()) {
    case 'w': return SetOnce(field, ParseNumber("width (w)", number, 1, kMaxWidth), fields.width);
    case 'd': return SetOnce(field, ParseNumber("depth (d)", number, 0, kMaxDepth), fields.depth);
    case 'h': return SetOnce(field, ParseNumber("heads (h)", number, 1, kMaxWidth), fields.heads);
    default: return SetOnce(field, ParseRatio(number), fields.mlp_ratio);
  }
}

// wN_dN_hN[_mF], in this order.
absl::Status ParseUnderscoreForm(std::string_view half, HalfFields& fields) {
  constexpr std::string_view kOrder = "wdhm";
  const std::vector<std::string> parts = absl::StrSplit(ToAbsl(half), '_');
  if (parts.size() < 3 || parts.size() > 4) {
    return Error(StrCat(Quoted(half), " must have the form wN_dN_hN[_mF]; has ", parts.size(), " fields"));
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].empty() || parts[i].front() != kOrder[i]) {
      return Error(StrCat("field ", i + 1, " of ", Quoted(half), " must begin with '", kOrder.substr(i, 1), "'; was ",
                          Quoted(parts[i])));
    }
    VITOK_RETURN_IF_ERROR(ParseField(parts[i], fields));
  }
  return absl::OkStatus();
}

// At most one letter, and any of wN dN hN mF in any order.
absl::Status ParseLetterForm(std::string_view half, HalfFields& fields) {
  for (std::string_view rest = half; !rest.empty();) {
    size_t length = 1;
    const char first = rest.front();
    if (std::string_view("wdhm").find(first) != std::string_view::npos) {
      length += std::find_if(rest.begin() + 1, rest.end(), absl::ascii_isalpha) - (rest.begin() + 1);
      VITOK_RETURN_IF_ERROR(ParseField(rest.substr(0, length), fields));
    } else if (std::ranges::find(kPresets, first, &Preset::letter) == std::end(kPresets)) {
      return Error(StrCat(Quoted(rest.substr(0, 1)), " in ", Quoted(half),
                          " must be a letter of B, L, G, T, E or a field wN, dN, hN, mF"));
    } else if (fields.letter) {
      return Error(StrCat(Quoted(half), " must have one letter; has ", Quoted({&*fields.letter, 1}), " and ",
                          Quoted(rest.substr(0, 1))));
    } else {
      fields.letter = first;
    }
    rest.remove_prefix(length);
  }
  return absl::OkStatus();
}

absl::StatusOr<HalfFields> ParseHalf(std::string_view half) {
  HalfFields fields;
  if (half.empty()) return Error("names no model before the '/' or '-'");
  const bool has_underscore = half.find('_') != std::string_view::npos;
  VITOK_RETURN_IF_ERROR(has_underscore ? ParseUnderscoreForm(half, fields) : ParseLetterForm(half, fields));
  return fields;
}

TowerConfig MakeTower(const HalfFields& fields, double mlp_ratio) {
  const Preset preset = fields.letter ? *std::ranges::find(kPresets, *fields.letter, &Preset::letter) : kDefaults;
  TowerConfig tower;
  tower.width = fields.width.value_or(preset.width);
  tower.depth = fields.depth.value_or(preset.depth);
  tower.heads = fields.heads.value_or(preset.heads);
  tower.mlp_hidden = MlpHiddenSize(tower.width, mlp_ratio);
  return tower;
}

// "[Tx]PxC"
absl::Status ParseGeometry(std::string_view geometry, AutoencoderConfig& config) {
  std::vector<std::string> numbers = absl::StrSplit(ToAbsl(geometry), 'x');
  if (numbers.size() != 2 && numbers.size() != 3) {
    return Error(StrCat("after the '/' must stand [temporal x] patch x channels; was ", Quoted(geometry)));
  }
  if (numbers.size() == 2) numbers.insert(numbers.begin(), "1");
  VITOK_ASSIGN_OR_RETURN(config.temporal, ParseNumber("temporal", numbers[0], 1, kMaxTemporal));
  VITOK_ASSIGN_OR_RETURN(config.patch_px, ParseNumber("patch", numbers[1], 1, kMaxPatchPx));
  // One channel: the latent LayerNorm would make every latent 0.
  VITOK_ASSIGN_OR_RETURN(config.latent_channels, ParseNumber("latent channels", numbers[2], 2, kMaxLatentChannels));
  return absl::OkStatus();
}

absl::StatusOr<AutoencoderConfig> Parse(std::string_view variant) {
  const std::vector<std::string> parts = absl::StrSplit(ToAbsl(variant), '/');
  if (parts.size() != 2) return Error(StrCat("must have one '/'; has ", parts.size() - 1));
  const std::vector<std::string> halves = absl::StrSplit(parts[0], '-');
  if (halves.size() > 2) return Error(StrCat("must have at most one '-'; has ", halves.size() - 1));

  AutoencoderConfig config;
  VITOK_ASSIGN_OR_RETURN(const HalfFields encoder, ParseHalf(halves.front()));
  VITOK_ASSIGN_OR_RETURN(const HalfFields decoder, ParseHalf(halves.back()));
  VITOK_RETURN_IF_ERROR(ParseGeometry(parts[1], config));
  // The reference builds both halves with the larger of the two ratios.
  const double mlp_ratio =
      std::max(encoder.mlp_ratio.value_or(kDefaultMlpRatio), decoder.mlp_ratio.value_or(kDefaultMlpRatio));
  config.encoder = MakeTower(encoder, mlp_ratio);
  config.decoder = MakeTower(decoder, mlp_ratio);
  return config;
}

}  // namespace

absl::StatusOr<AutoencoderConfig> AutoencoderConfig::FromVariant(std::string_view variant) {
  absl::StatusOr<AutoencoderConfig> config = Parse(variant);
  if (!config.ok()) {
    return absl::InvalidArgumentError(StrCat("variant ", Quoted(variant), ": ", config.status().message()));
  }
  return config;
}

}  // namespace vitok
