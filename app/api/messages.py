"""What the API says when it refuses: each code in three languages (`no_question` is a bad_question), and which of them a request asked for."""

from typing import Literal

Language = Literal["zh-CN", "zh-TW", "en"]
LANGUAGES: tuple[Language, ...] = ("zh-CN", "zh-TW", "en")

MESSAGES: dict[str, tuple[str, str, str]] = {
    "bad_json": (
        "请求正文不是有效的 JSON（UTF-8）。",
        "請求正文不是有效的 JSON（UTF-8）。",
        "The body is not valid JSON in UTF-8.",
    ),
    "invalid_request": ("请求不合要求：{detail}", "請求不合要求：{detail}", "The request is not valid: {detail}"),
    "bad_request": ("请求不能处理：{detail}", "請求無法處理：{detail}", "The request cannot be served: {detail}"),
    "bad_question": (
        "这个问题不能提问：{detail}",
        "這個問題無法提問：{detail}",
        "This question cannot be asked: {detail}",
    ),
    "no_question": (
        "请输入要问的内容，至少要有一个字。",
        "請輸入要問的內容，至少要有一個字。",
        "Please type a question, with at least one word.",
    ),
    "bad_rating": ("评价没有存下：{detail}", "評價沒有存下：{detail}", "The rating was not kept: {detail}"),
    "not_found": ("没有找到：{detail}", "沒有找到：{detail}", "Not found: {detail}"),
    "model_not_found": ("没有这个模型：{detail}", "沒有這個模型：{detail}", "There is no model {detail}"),
    "host_not_allowed": (
        "服务器不以这个主机名提供服务；管理员可在 YOUJU_HOSTS 中加入它。",
        "伺服器不以這個主機名提供服務；管理員可在 YOUJU_HOSTS 中加入它。",
        "The server does not go by this name; its operator can add the name to YOUJU_HOSTS.",
    ),
    "method_not_allowed": (
        "这个地址不支持这种请求方法。",
        "這個位址不支援這種請求方法。",
        "This address does not take this method.",
    ),
    "body_too_large": (
        "请求正文超过 {detail}。",
        "請求正文超過 {detail}。",
        "The body is larger than {detail}.",
    ),
    "body_too_slow": (
        "请求正文没有在 {detail} 秒内传完。",
        "請求正文沒有在 {detail} 秒內傳完。",
        "The body did not arrive within {detail} seconds.",
    ),
    "feedback_off": ("这里没有开启评价。", "這裡沒有開啟評價。", "Ratings are switched off here: {detail}"),
    "feedback_failed": (
        "评价没有存下，请以后再试。提问不受影响。",
        "評價沒有存下，請稍後再試。提問不受影響。",
        "The rating could not be kept; answers are not affected. Please try again later.",
    ),
    "not_ready": ("现在不能作答：{detail}", "現在無法作答：{detail}", "Questions cannot be answered now: {detail}"),
    "overloaded": (
        "现在提问的人很多，请 {detail} 秒后再试。",
        "現在提問的人很多，請 {detail} 秒後再試。",
        "Many questions are being answered; please try again in {detail} seconds.",
    ),
    "rate_limited": (
        "提问太频繁，请 {detail} 秒后再试。",
        "提問太頻繁，請 {detail} 秒後再試。",
        "Too many requests; please try again in {detail} seconds.",
    ),
    "origin_not_allowed": (
        "这个网站没有获准使用本服务；管理员可在 YOUJU_ALLOWED_ORIGINS 中加入它的来源。",
        "這個網站沒有獲准使用本服務；管理員可在 YOUJU_ALLOWED_ORIGINS 中加入它的來源。",
        "This web site may not use the service; its operator can add the origin to YOUJU_ALLOWED_ORIGINS.",
    ),
    "token_missing": (
        "请求没有带令牌；请先用 POST /api/token 领取。",
        "請求沒有帶權杖；請先用 POST /api/token 領取。",
        "The request carries no token; fetch one with POST /api/token.",
    ),
    "token_expired": (
        "令牌已过期，请重新领取。",
        "權杖已過期，請重新領取。",
        "The token has expired; fetch another.",
    ),
    "token_invalid": (
        "令牌无效，或不属于这个网站；请重新领取。",
        "權杖無效，或不屬於這個網站；請重新領取。",
        "The token is not valid, or belongs to another site; fetch another.",
    ),
    "key_missing": (
        "需要密钥：Authorization: Bearer 密钥。",
        "需要金鑰：Authorization: Bearer 金鑰。",
        "A key is needed: Authorization: Bearer KEY.",
    ),
    "key_invalid": ("密钥不对。", "金鑰不對。", "The key is not right."),
    "admin_off": (
        "管理功能没有开启：设置 YOUJU_API_KEYS 后才可使用。",
        "管理功能沒有開啟：設定 YOUJU_API_KEYS 後才可使用。",
        "Administration is off: it needs the setting YOUJU_API_KEYS.",
    ),
    "bad_url": (
        "网址不能用：{detail}。请写 http 或 https 的完整网址，中文部分用百分号编码。",
        "網址不能用：{detail}。請寫 http 或 https 的完整網址，中文部分用百分號編碼。",
        "The URL cannot be used: {detail}. Give a whole http or https URL, percent-encoded.",
    ),
    "address_not_allowed": (
        "{detail} 不是公网地址，或端口不是 80、443，不能从那里取文件。",
        "{detail} 不是公網位址，或連接埠不是 80、443，不能從那裡取檔案。",
        "{detail} is no public address, or its port is neither 80 nor 443; nothing is fetched from there.",
    ),
    "fetch_failed": (
        "没有取到文件：{detail}。",
        "沒有取到檔案：{detail}。",
        "The document could not be fetched: {detail}",
    ),
    "bad_name": (
        "文件名不能用：{detail}。",
        "檔名不能用：{detail}。",
        "The file name cannot be used: {detail}",
    ),
    "exists": (
        "已有同名文件：{detail}。要替换它，请设 replace。",
        "已有同名檔案：{detail}。要替換它，請設 replace。",
        "There is a file of this name: {detail}. Set replace to replace it.",
    ),
    "not_a_document": ("文件读不出来：{detail}", "檔案讀不出來：{detail}", "The file cannot be read: {detail}"),
    "not_stored": ("文件没有存下：{detail}", "檔案沒有存下：{detail}", "The file could not be stored: {detail}"),
    "build_running": ("正在重建索引，请稍后再试。", "正在重建索引，請稍後再試。", "A build is under way."),
    "http_error": ("请求没有成功：{detail}", "請求沒有成功：{detail}", "The request failed: {detail}"),
    "internal": (
        "服务器出错了，这个请求没有完成；原因在服务器日志里。",
        "伺服器出錯了，這個請求沒有完成；原因在伺服器日誌裡。",
        "The server failed on this request; its log says why.",
    ),
}


def message_of(code: str, language: Language, detail: str = "") -> str:
    """Return what a code means, in a language."""
    return MESSAGES[code][LANGUAGES.index(language)].replace("{detail}", detail).rstrip("：: ")


def language_of_request(accept_language: str) -> Language:
    """Return the language that an Accept-Language header puts first among ours; zh-CN if it names none."""
    ranked = sorted(
        (_weighted(part) for part in accept_language[:500].split(",")), key=lambda pair: pair[0], reverse=True
    )
    for weight, tag in ranked:
        language = _closest(tag)
        if weight > 0 and language:
            return language
    return "zh-CN"


def _weighted(part: str) -> tuple[float, str]:
    tag, _, parameters = part.strip().lower().partition(";")
    try:
        weight = float(parameters.strip().removeprefix("q=")) if parameters else 1.0
    except ValueError:
        weight = 0.0
    return weight, tag.strip()


def _closest(tag: str) -> Language | None:
    main, *rest = tag.split("-")
    if main == "zh":
        return "zh-TW" if {"tw", "hk", "mo", "hant"} & set(rest) else "zh-CN"
    return "en" if main == "en" else None
